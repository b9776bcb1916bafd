// AsyncSocket: a stream socket for coroutines, on the worker's Poller.
//
// Every operation tries first and waits only when the kernel says EAGAIN. An operation ends in exactly one of three
// ways: done, failed, or interrupted (the session's deadline passed, a reload closed the session): interruption is
// sticky, so a session that was told to stop cannot start another wait.
#pragma once

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/result.h"
#include "net/poller.h"

namespace enforcer::net {

namespace asio = boost::asio;

class AsyncSocket final : public PollTarget {
 public:
  /// Takes a non-blocking socket and watches it.
  static Result<std::unique_ptr<AsyncSocket>> make(asio::io_context& io, Poller& poller, Fd socket);
  ~AsyncSocket();

  [[nodiscard]] int fd() const { return socket_.get(); }

  /// At least one byte, or 0 at the end of the stream. kTimeout/kDenied: interrupted. kIo: the peer reset the
  /// connection.
  asio::awaitable<Result<std::size_t>> read_some(std::span<std::uint8_t> buffer);
  /// What read_some() would give at once, or nothing where it would wait.
  std::optional<Result<std::size_t>> try_read(std::span<std::uint8_t> buffer);
  /// Waits until try_read() may have something; with wake_also() until either of two sockets may.
  asio::awaitable<Result<>> readable() { return wait(kRead); }
  /// From now on, bytes arriving here also end `other`'s readable(); null ends that. `other` must outlive it.
  void wake_also(AsyncSocket* other) { partner_ = other; }
  /// All bytes, or an error.
  asio::awaitable<Result<>> write_all(Bytes bytes);
  /// Waits for the end of a connect that start_connect() began.
  asio::awaitable<Result<>> connected();

  /// Ends the present wait and every later one with `why`; callable from anywhere on the worker.
  void interrupt(Errc why);

  /// No more bytes from us (FIN), reading goes on.
  void shutdown_write();

  /// Gives the socket to another target of the same Poller.
  Result<Fd> transfer_to(PollTarget& target);

 private:
  enum Direction : std::uint8_t { kRead, kWrite };
  using Waiter = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

  AsyncSocket(asio::io_context& io, Poller& poller, Fd socket);
  asio::awaitable<Result<>> wait(Direction direction);
  void ready(std::uint32_t events) override;
  void resume(Direction direction);

  asio::io_context& io_;
  Poller& poller_;
  Fd socket_;
  std::array<std::optional<Waiter>, 2> waiters_;
  std::optional<Errc> interrupted_;
  AsyncSocket* partner_ = nullptr;
};

}  // namespace enforcer::net
