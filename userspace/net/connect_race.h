// ConnectRace: a connection to one of several addresses of the same origin, so that a family or a machine that does not
// answer costs a moment and not a time-out ("Happy Eyeballs", RFC 8305).
//
// Families take turns, IPv6 first (section 4). The next attempt starts when the one before failed, or has not answered
// for kAttemptDelay (section 5); all go on, the first that is connected wins, and the others are closed.
// One that is connected when connect(2) returns wins without a wait, and is handed over a turn later, so that others of
// the same turn connect before anybody sends.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "base/deadline.h"
#include "base/ip.h"
#include "net/async_socket.h"
#include "net/socket.h"
#include "net/timer_wheel.h"

namespace enforcer::net {

class ConnectRace final : private WheelEntry {
 public:
  /// More addresses than these are not tried: a hostile zone must not make one connection a scan of a thousand hosts.
  static constexpr std::size_t kMaxAttempts = 8;
  /// RFC 8305 section 5 recommends 250 ms; to the tick of the wheel.
  static constexpr std::chrono::milliseconds kAttemptDelay{250};

  struct Winner {
    std::unique_ptr<AsyncSocket> socket;
    IpAddress address;
    Monotonic::duration took;  ///< by this attempt
  };

  ConnectRace(asio::io_context& io, Poller& poller, TimerWheel& wheel);
  ~ConnectRace() override;

  /// Once; `first`: who speaks first on it. An error is the last attempt's, or kUnavailable where there was no address;
  /// interrupted, that of interrupt().
  asio::awaitable<Result<Winner>> run(const std::vector<IpAddress>& addresses, Port port, FirstWord first);

  /// Ends the race, also one that has not begun.
  void interrupt(Errc why);

 private:
  class Attempt;
  using Waiter = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

  void start_next();
  void ended(Attempt& attempt, std::uint32_t events);
  void expired() override { start_next(); }
  [[nodiscard]] bool over() const;
  asio::awaitable<void> wait();
  void resume();

  asio::io_context& io_;
  Poller& poller_;
  TimerWheel& wheel_;
  std::vector<IpAddress> waiting_;  ///< not tried yet, the next one last
  Port port_{};
  FirstWord first_ = FirstWord::kAnybody;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  std::size_t pending_ = 0;
  Attempt* winner_ = nullptr;
  std::optional<Errc> interrupted_;
  Error last_{Errc::kUnavailable, "no address to connect to"};
  std::optional<Waiter> waiter_;
};

/// In the order in which they are tried: IPv6 and IPv4 in turn, each in the order given.
[[nodiscard]] std::vector<IpAddress> in_turn(const std::vector<IpAddress>& addresses);

}  // namespace enforcer::net
