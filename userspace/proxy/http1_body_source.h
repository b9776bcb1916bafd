// Http1BodySource: the body of one HTTP/1 message as its parts. What is left in the buffer behind it belongs to the
// next message.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <vector>

#include "http/body_framing.h"
#include "net/byte_stream.h"
#include "proxy/message_sides.h"

namespace enforcer::proxy {

class Http1BodySource {
 public:
  /// `buffered` is what was read from `stream` already and not consumed. Both outlive it.
  Http1BodySource(net::ByteStream& stream, std::vector<std::uint8_t>& buffered)
      : stream_(stream), buffered_(buffered) {}

  void begin(const http::BodyFraming& framing, http::BodyReader::Extras extras) {
    until_close_ = framing.kind == http::BodyFraming::Kind::kUntilClose;
    reader_.emplace(framing, extras);
    ahead_.reset();
  }
  boost::asio::awaitable<BodyPart> next();
  /// Whether it will have to wait.
  [[nodiscard]] BodyPart::Next next_part();

 private:
  net::ByteStream& stream_;
  std::vector<std::uint8_t>& buffered_;
  std::optional<http::BodyReader> reader_;
  /// What the reader says behind the part that was given: framing alone is nothing to wait for, or an event that is all
  /// there would be held back until the next one.
  std::optional<http::BodyReader::Progress> ahead_;
  bool until_close_ = false;
  std::size_t used_ = 0;  ///< of buffered_, by the last part
};

}  // namespace enforcer::proxy
