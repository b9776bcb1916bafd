// ByteStream: bytes both ways with waits that end, whatever carries them: a TCP socket (net/async_socket.h) or TLS over
// one (tls/stream.h). What speaks HTTP knows no more than this.
//
// Thread: one worker. One read and one write may be awaited at the same time. Interruption is sticky: a stream that was
// told to stop cannot start another wait.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/result.h"

namespace enforcer::net {

/// How much is read at once: of a guest's heads, which are mostly small, and of bodies and all that an origin sends (a
/// TLS record, RFC 8446 5.1).
inline constexpr std::size_t kHeadReadSize = 4096;
inline constexpr std::size_t kBodyReadSize = std::size_t{16} * 1024;

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// At least one byte, or 0 at the end of the stream in good order (FIN; under TLS a close_notify before it, and a FIN
  /// without one is kIo: truncation). kTimeout/kDenied: interrupted. kIo: the peer broke it off.
  virtual boost::asio::awaitable<Result<std::size_t>> read_some(std::span<std::uint8_t> buffer) = 0;
  /// What read_some() would give at once, or nothing where it would wait.
  virtual std::optional<Result<std::size_t>> try_read(std::span<std::uint8_t> buffer) = 0;
  /// Waits until there may be something to read, the end or an error included: for who wants no buffer meanwhile.
  virtual boost::asio::awaitable<Result<>> readable() = 0;
  /// All bytes, or an error.
  virtual boost::asio::awaitable<Result<>> write_all(Bytes bytes) = 0;
  /// No more bytes from us: FIN, under TLS close_notify before it. One attempt, no wait. Reading goes on.
  virtual void end_writing() = 0;
  /// Ends the present waits and every later one with `why`.
  virtual void interrupt(Errc why) = 0;

 protected:
  /// For a readable() that has nothing to wait for.
  static boost::asio::awaitable<Result<>> at_once() { co_return Result<>{}; }
};

}  // namespace enforcer::net
