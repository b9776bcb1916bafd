// ConnectAnswer: what a proxy says to CONNECT (RFC 9110 9.3.6). Only the status counts: after a 2xx the octet behind
// the head is the origin's first one, whatever Content-Length and Transfer-Encoding say. So the head is read to its end
// and not an octet further: an origin that speaks first may have sent that octet in the same segment.
#pragma once

#include <cstdint>
#include <vector>

#include "http/head_scanner.h"

namespace enforcer::http {

class ConnectAnswerReader {
 public:
  /// A proxy's head is some hundred octets long.
  static constexpr std::size_t kMaxConnectHead = std::size_t{16} * 1024;

  enum class State : std::uint8_t { kMore, kAnswered, kTooLarge, kMalformed };
  struct Progress {
    State state;
    std::size_t consumed;  ///< of the bytes given; all of them with kMore
  };
  /// The next bytes from the proxy. As strict about line ends and control characters as every head (HeadScanner).
  Progress feed(Bytes arrived);

  /// After kAnswered: 100-599.
  [[nodiscard]] unsigned status() const { return status_; }
  [[nodiscard]] bool connected() const { return status_ >= 200 && status_ < 300; }

 private:
  HeadScanner scanner_;
  std::vector<std::uint8_t> head_;
  unsigned status_ = 0;
};

}  // namespace enforcer::http
