// Http1BodyWriter: writes the body of one HTTP/1 message, framed anew. Small parts that follow each other at once leave
// in one write.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "http/body_framing.h"
#include "net/byte_stream.h"
#include "proxy/message_sides.h"

namespace enforcer::proxy {

class Http1BodyWriter {
 public:
  explicit Http1BodyWriter(net::ByteStream& stream) : stream_(stream) {}

  void begin(http::BodyFraming::Kind framing) { chunked_ = framing == http::BodyFraming::Kind::kChunked; }
  /// Takes the data when called, sends when awaited: await it at once. end() the same.
  boost::asio::awaitable<bool> write(Bytes data, BodyPart::Next next);
  boost::asio::awaitable<bool> end();
  /// A head that leaves with what is written next.
  void hold(std::string_view head) { held_.insert(held_.end(), head.begin(), head.end()); }
  /// Bytes as they are.
  boost::asio::awaitable<bool> send(Bytes bytes);
  /// Octets as they come, and end() is the end of our direction.
  void begin_tunnel() {
    chunked_ = false;
    tunnel_ = true;
  }
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  boost::asio::awaitable<bool> end_tunnel();
  boost::asio::awaitable<bool> flush();

  net::ByteStream& stream_;
  bool chunked_ = false;
  bool tunnel_ = false;
  std::vector<std::uint8_t> held_;
  std::uint64_t written_ = 0;
};

}  // namespace enforcer::proxy
