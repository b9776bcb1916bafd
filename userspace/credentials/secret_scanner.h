// SecretScanner: keeps secrets out of one stream of octets. Each octet of a form of a secret (credentials/needles.h)
// becomes '*', so that the stream stays as long as it was announced to be.
//
// Octets are passed on as they come. Only an end that could be the beginning of a form, and is not yet as long as its
// anchor, waits for what follows: a message whose last octets begin no form is never delayed. What follows an anchor
// is masked octet by octet, for as long as it agrees. Nothing depends on how the octets arrive in pieces.
//
// Between an anchor and the end of its form an echo may be interrupted:
//
//   by line breaks     CR and LF are passed over, and what follows has to agree again (wrapped base64). They are never
//                      masked: heads and events of a stream keep their lines.
//   by anything else   what follows is probably the rest of the secret in a spelling that we do not know. This tail is
//                      masked as long as it is made of characters that tokens and their encodings have, and no further
//                      than the rest of the form could go in its longest spelling. It also ends where any form is
//                      complete: what stands behind a whole secret is not touched.
//
// A form of which less than kLine characters were read behind a line break has no tail: they may agree by chance. Nor
// has one that stopped behind '&', which more often stands between two fields.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "credentials/needles.h"

namespace enforcer::credentials {

class SecretScanner {
 public:
  explicit SecretScanner(std::shared_ptr<const Needles> needles) : needles_(std::move(needles)) {}

  /// What can be passed on now; often that is `arrived` itself. Valid until the next call, and no longer than
  /// `arrived`.
  Bytes feed(Bytes arrived);
  /// The stream has ended: the rest of it. Another may begin.
  Bytes finish();

  /// Octets that wait for what follows: fewer than the longest anchor has.
  [[nodiscard]] std::size_t held() const { return buffer_.size() - passed_; }
  /// How often a secret was found, in all streams. Forms that overlap are one finding.
  [[nodiscard]] std::uint64_t findings() const { return findings_; }

 private:
  friend std::uint64_t redact(const std::shared_ptr<const Needles>& needles, std::span<std::uint8_t> text);

  static constexpr std::size_t kLine = 4;
  /// In `stops_`: a form was complete.
  static constexpr std::size_t kComplete = 0;

  enum class More : std::uint8_t { kMayFollow, kNothing };

  [[nodiscard]] bool nothing_open() const;
  void scan(std::span<std::uint8_t> text, std::size_t known, More more);
  bool look_at(Bytes text, std::size_t place, More more);
  std::size_t read_on(Needles::Reading& reading, Bytes text, std::size_t place);
  bool pass_over(Needles::Reading& reading, std::uint8_t octet) const;
  void note_stop(const Needles::Reading& reading, Bytes text, std::size_t place);
  void overwrite(std::span<std::uint8_t> text, std::size_t from, std::size_t to);
  void move_origin(std::size_t by);

  const std::shared_ptr<const Needles> needles_;
  WipedBytes buffer_;       ///< what was passed on last, unless it was `arrived` itself, and what is held
  std::size_t passed_ = 0;  ///< of the buffer
  std::size_t masked_ = 0;  ///< of the text that is scanned: so far it is masked; afterwards: of what is held
  std::map<std::size_t, std::size_t> stops_;  ///< where anchored forms stopped, and how far a tail from there may go
  std::set<std::pair<std::size_t, std::uint32_t>> reached_;  ///< places and windows that are being read from in front
  std::size_t tail_ = 0;                                     ///< how far what is being masked as a tail may go
  std::vector<Needles::Reading> going_on_;                   ///< forms that agreed to the end of what came
  std::vector<Needles::Reading> found_;                      ///< in one place
  std::uint64_t findings_ = 0;
};

/// The same for a whole text in its place. How often a secret was found.
std::uint64_t redact(const std::shared_ptr<const Needles>& needles, std::span<std::uint8_t> text);
std::uint64_t redact(const std::shared_ptr<const Needles>& needles, std::string& text);

}  // namespace enforcer::credentials
