// Poller: readiness of sockets, for one worker.
//
// Asio runs the worker: timers, posted work, coroutines. The sockets of sessions are watched by one epoll instance of
// ours that Asio watches in turn. Why not Asio's own sockets: a relay of ten thousand idle connections must cost two
// small structures each (no per-operation allocation, no descriptor state), and a socket passes from the
// classifier to a session's coroutine and to the relay without leaving the set. Each socket is added once,
// edge-triggered, and forgotten when it is closed. Room to write is watched for only once a write found none
// (watch_room): every new socket has room, which would be an event for each, and most never lack it.
//
// Belongs to one worker; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/result.h"

namespace boost::asio {
class io_context;
}

namespace enforcer::net {

/// Whoever wants to know that a socket became ready. Must be removed (Poller::remove, or forget) before it dies.
class PollTarget {
 public:
  PollTarget() = default;
  PollTarget(const PollTarget&) = delete;
  PollTarget& operator=(const PollTarget&) = delete;

 protected:
  ~PollTarget() = default;

 private:
  friend class Poller;
  /// `events` as epoll(7) has them. May remove and destroy any target, itself included.
  virtual void ready(std::uint32_t events) = 0;
};

class Poller {
 public:
  static Result<std::unique_ptr<Poller>> make(boost::asio::io_context& io);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  enum class Edges : std::uint8_t { kReading, kReadingAndRoom };
  /// Watches a socket, edge-triggered: for what can be read and for its end, and where `edges` says so for room to
  /// write. An edge that is there already is reported.
  Result<> add(int socket, PollTarget& target, Edges edges = Edges::kReading);
  /// Watches it for room to write, too. Edges that are there already are reported, also those that were reported
  /// before.
  Result<> watch_room(int socket);
  /// Hands a watched socket to another target, which hears of every edge from now on. Costs no system call.
  void transfer(int socket, PollTarget& target);
  /// Reports again what can be read already. Not for sockets of watch_room(): that watch ends.
  Result<> again(int socket);
  /// Ends the watch; the target hears nothing more, not even from the batch being dispatched.
  void remove(int socket);
  /// The same for a socket that is closed next, and that no other process has: closing ends its watch in the kernel.
  void forget(int socket);

  /// Events that epoll gave since the last call. For one caller: it begins anew.
  [[nodiscard]] std::size_t take_event_count();

 private:
  struct Impl;
  explicit Poller(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace enforcer::net
