// SecretScanner: keeps secrets out of one stream of octets. Each octet of a form of a secret (credentials/needles.h)
// becomes '*', so that the stream stays as long as it was announced to be.
//
// Octets are passed on as they come. Only an end that could be the beginning of a form, and is not yet as long as its
// anchor, waits for what follows: a message whose last octets begin no form is never delayed. What follows an anchor
// is masked octet by octet, for as long as it agrees. Nothing depends on how the octets arrive in pieces.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "credentials/needles.h"

namespace enforcer::credentials {

class SecretScanner {
 public:
  explicit SecretScanner(std::shared_ptr<const Needles> needles) : needles_(std::move(needles)) {}

  /// What can be passed on now, valid until the next call.
  Bytes feed(Bytes arrived);
  /// The stream has ended: the rest of it. Another may begin.
  Bytes finish();

  /// Octets that wait for what follows: fewer than the longest anchor has.
  [[nodiscard]] std::size_t held() const { return buffer_.size() - passed_; }
  /// How often a secret was found, in all streams. Forms that overlap are one finding.
  [[nodiscard]] std::uint64_t findings() const { return findings_; }

 private:
  friend std::uint64_t redact(const std::shared_ptr<const Needles>& needles, std::span<std::uint8_t> text);

  enum class More : std::uint8_t { kMayFollow, kNothing };

  void scan(std::span<std::uint8_t> text, std::size_t known, More more);
  bool look_at(Bytes text, std::size_t place, More more);
  std::size_t read_on(Needles::Reading& reading, Bytes text, std::size_t place) const;

  const std::shared_ptr<const Needles> needles_;
  WipedBytes buffer_;       ///< what was passed on last, and what is held
  std::size_t passed_ = 0;  ///< of the buffer
  std::size_t masked_ = 0;  ///< of the text that is scanned: so far it is masked; afterwards: of what is held
  std::vector<Needles::Reading> going_on_;  ///< forms that agreed to the end of what came
  std::vector<Needles::Reading> found_;     ///< in one place
  std::uint64_t findings_ = 0;
};

/// The same for a whole text in its place. How often a secret was found.
std::uint64_t redact(const std::shared_ptr<const Needles>& needles, std::span<std::uint8_t> text);
std::uint64_t redact(const std::shared_ptr<const Needles>& needles, std::string& text);

}  // namespace enforcer::credentials
