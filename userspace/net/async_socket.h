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
#include "net/byte_stream.h"
#include "net/poller.h"

namespace enforcer::net {

namespace asio = boost::asio;

/// Who is told what the peer of a socket does, also while nobody reads. Must not destroy the socket meanwhile.
class PeerObserver {
 public:
  /// Once: the peer has reset the connection. peer_ended() follows.
  virtual void peer_reset() = 0;
  /// Once: the peer has ended its side, in good order or not.
  virtual void peer_ended() = 0;

 protected:
  ~PeerObserver() = default;
};

class AsyncSocket final : public ByteStream, public PollTarget {
 public:
  /// Takes a non-blocking socket and watches it, until it is closed: who has the same socket by another descriptor, in
  /// this process or elsewhere, removes this one from the poller before.
  static Result<std::unique_ptr<AsyncSocket>> make(asio::io_context& io, Poller& poller, Fd socket);
  /// Takes one that is watched already, for `edges`; `events`: those that were reported so far.
  static std::unique_ptr<AsyncSocket> adopt(asio::io_context& io, Poller& poller, Fd socket, Poller::Edges edges,
                                            std::uint32_t events);
  ~AsyncSocket() override;

  [[nodiscard]] int fd() const { return socket_.get(); }

  /// 0: FIN. kIo: the peer reset the connection.
  asio::awaitable<Result<std::size_t>> read_some(std::span<std::uint8_t> buffer) override;
  std::optional<Result<std::size_t>> try_read(std::span<std::uint8_t> buffer) override;
  /// The bytes that try_read() would give, which stay where they are.
  std::optional<Result<std::size_t>> try_peek(std::span<std::uint8_t> buffer);
  /// Waits until try_read() may have something, not at all where it may already; with wake_also() until either of two
  /// sockets may.
  asio::awaitable<Result<>> readable() override;
  /// From now on, bytes arriving here, who is watched, also end `other`'s readable(); null ends that. `other` must
  /// outlive it.
  void wake_also(AsyncSocket* other) { partner_ = other; }
  asio::awaitable<Result<>> write_all(Bytes bytes) override;
  /// As many bytes as the kernel takes at once; 0 where write_all() would wait.
  Result<std::size_t> try_write(Bytes bytes);
  /// Waits until try_write() may take something.
  asio::awaitable<Result<>> writable() { return wait(kWrite); }
  /// Waits as readable() does; where nobody waits in writable(), that also ends it. For who reads and has something
  /// left to send (tls/stream.h).
  asio::awaitable<Result<>> readable_or_writable();

  /// Counts what was read without a wait; true: others of this worker get their turn() first, however fast the peer is.
  [[nodiscard]] bool owes_turn() { return ++reads_in_a_row_ >= kReadsPerTurn; }
  asio::awaitable<void> turn();

  /// Tells `observer`, which outlives this, what is reported from now on; what was before shows in broken() and
  /// peer_ended().
  void tell(PeerObserver& observer) { observer_ = &observer; }
  /// The peer has ended its side.
  [[nodiscard]] bool peer_ended() const { return ended_; }

  /// Callable from anywhere on the worker.
  void interrupt(Errc why) override;
  /// Why every wait ends from now on, or nothing.
  [[nodiscard]] std::optional<Errc> interrupted() const { return interrupted_; }

  /// FIN.
  void end_writing() override;

  /// False: every octet that came was read, and an edge will tell of the next.
  [[nodiscard]] bool may_have_more() const { return readable_; }
  /// The next try_read() asks the kernel, whatever edges have told so far.
  void ask_again() { readable_ = true; }
  /// An error was reported; it shows in the next read or write.
  [[nodiscard]] bool broken() const { return broken_; }
  /// It is watched for room to write, too.
  [[nodiscard]] bool room_watched() const { return room_watched_; }
  /// Gives the socket, which is watched, to another target of the same Poller.
  Fd transfer_to(PollTarget& target);

 private:
  static constexpr unsigned kReadsPerTurn = 32;
  enum Direction : std::uint8_t { kRead, kWrite };
  using Waiter = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

  AsyncSocket(asio::io_context& io, Poller& poller, Fd socket);
  std::optional<Result<std::size_t>> receive(std::span<std::uint8_t> buffer, int flags);
  asio::awaitable<Result<>> wait(Direction direction);
  Result<> watch_room();
  void ready(std::uint32_t events) override;
  void note(std::uint32_t events);
  void resume(Direction direction);

  asio::io_context& io_;
  Poller& poller_;
  Fd socket_;
  std::array<std::optional<Waiter>, 2> waiters_;
  std::optional<Errc> interrupted_;
  unsigned reads_in_a_row_ = 0;
  bool room_watched_ = false;
  bool readable_ = true;
  bool short_reads_tell_ = true;  // that nothing is left: not before an end or urgent data, of which no edge tells
  bool broken_ = false;
  bool ended_ = false;
  bool reader_takes_writable_ = false;  // the reader waits in readable_or_writable()
  AsyncSocket* partner_ = nullptr;
  PeerObserver* observer_ = nullptr;
};

}  // namespace enforcer::net
