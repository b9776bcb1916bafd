// PrefixedBody: a body of which the front was read before its request was decided, and is given back before the rest.
// What is kept counts against the guest until it has been given on.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "proxy/message_sides.h"

namespace enforcer::proxy {

class Guest;

class PrefixedBody final : public BodySource {
 public:
  /// Both outlive it.
  PrefixedBody(BodySource& body, Guest& guest) : body_(body), guest_(guest) {}
  ~PrefixedBody() override;
  PrefixedBody(const PrefixedBody&) = delete;
  PrefixedBody& operator=(const PrefixedBody&) = delete;

  enum class Kept : std::uint8_t {
    kMore,  ///< a part came
    kWhole,
    kGuestFull,  ///< a part came, and bodies of this guest take as much memory as they may
    kMalformed,
    kBroken,
  };
  /// Reads one more part; before the first read_body().
  boost::asio::awaitable<Kept> keep_part();
  /// All that was kept; valid until the next call of anything here.
  [[nodiscard]] Bytes kept() const { return kept_; }

  boost::asio::awaitable<BodyPart> read_body() override;
  [[nodiscard]] Trailers trailers() override { return body_.trailers(); }

 private:
  void release();
  /// What follows the pieces that were given back so far.
  [[nodiscard]] BodyPart::Next behind_kept();

  BodySource& body_;
  Guest& guest_;
  std::vector<std::uint8_t> kept_;
  std::size_t held_ = 0;                            ///< of them, what counts against the guest
  std::size_t given_ = 0;                           ///< of them
  BodyPart::Kind last_ = BodyPart::Kind::kData;     ///< of the parts that were kept
  BodyPart::Next next_ = BodyPart::Next::kUnknown;  ///< as the last of them had it
};

}  // namespace enforcer::proxy
