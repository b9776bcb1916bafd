// Poller: readiness of sockets, for one worker.
//
// Asio runs the worker: timers, posted work, coroutines. The sockets of sessions are watched by one epoll instance of
// ours that Asio watches in turn. Why not Asio's own sockets: a relay of ten thousand idle connections must cost two
// small structures each (no per-operation allocation, no descriptor state), and a socket passes from its session's
// coroutine to the relay without leaving the set. Each socket is added once, edge-triggered, and forgotten when it is
// closed. Most never lack room to write, and every new one has it, which would be an event for each: it is watched for
// where it is missing.
//
// Belongs to one worker; not thread-safe.
#pragma once

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

  enum class Edges : std::uint8_t { kReading, kBoth };
  /// Watches a socket, edge-triggered, for what can be read from it and for its end. An edge that is there already is
  /// reported.
  Result<> add(int socket, PollTarget& target, Edges edges = Edges::kReading);
  /// Watches it for room to write, too. The edges that are there already are reported, again or not.
  Result<> watch_room(int socket);
  /// Hands a watched socket to another target, which hears of every edge from now on. Costs no system call.
  void transfer(int socket, PollTarget& target);
  /// Reports what can be read already again; the socket is watched for nothing else.
  Result<> again(int socket);
  /// Ends the watch; the target hears nothing more, not even from the batch being dispatched.
  void remove(int socket);
  /// The same for a socket that is closed next, and that no other process has: closing ends its watch in the kernel.
  void forget(int socket);

 private:
  struct Impl;
  explicit Poller(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace enforcer::net
