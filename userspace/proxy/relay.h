// Relay: two sockets of one session after the decision, when nothing has to be looked at any more.
//
// Bytes go socket -> pipe -> socket with splice(2) and never enter this process; without a pipe they go through the
// worker's buffer. A direction ends with the sender's FIN, which is passed on once everything before it was delivered
// (half-close works); the relay ends when both directions have, or when either socket breaks: then both get RST,
// because a download that broke must not look complete. Work per event is bounded, so one fast connection cannot starve
// a worker (invariant 10).
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "net/async_socket.h"
#include "net/poller.h"
#include "net/timer_wheel.h"
#include "proxy/interruptible.h"
#include "proxy/pipe_pool.h"

namespace enforcer::proxy {

class Relay;

/// Why a relay ended.
enum class RelayEnd : std::uint8_t {
  kDone,         ///< both sides said FIN
  kGuestReset,   ///< the guest's socket broke
  kOriginReset,  ///< the origin's socket broke
  kIdle,         ///< no byte in either direction for the idle deadline, or one side takes nothing of what waits for it
  kOverBudget,   ///< the guest has sent as much as it may
  kAborted,      ///< we ended it: the guest is gone, or a reload removed the rule
};

/// What the relay tells the session that it belongs to.
class RelayObserver {
 public:
  virtual ~RelayObserver() = default;
  /// Called once; the relay is destroyed after it returns, and the observer with it. The counts are payload bytes.
  virtual void relay_ended(RelayEnd end, std::uint64_t bytes_up, std::uint64_t bytes_down) = 0;
  /// So many bytes more were delivered to the origin. False: no more may follow.
  virtual bool relayed_up(std::uint64_t bytes) = 0;
  /// When the guest last stood still: what it did not take until then was not its doing.
  [[nodiscard]] virtual Monotonic::time_point stood_still() const { return Monotonic::time_point::min(); }
  /// Counted against the guest's share of pipes.
  virtual int& pipes_lent() = 0;
};

/// The relays of one worker, and what they share.
class RelayLoop {
 public:
  /// `idle`: how long nothing may move; `stalled`: how long a receiver may take nothing of what waits for it.
  RelayLoop(boost::asio::io_context& io, net::Poller& poller, net::TimerWheel& wheel, std::chrono::nanoseconds idle,
            std::chrono::nanoseconds stalled);
  ~RelayLoop();  ///< aborts what still runs

  /// Takes over the sockets of a session, both watched by the worker's poller; `bytes_up` and `bytes_down` were relayed
  /// before. The loop owns the relay; start() is to be called once, when the observer knows it. The reference is good
  /// until relay_ended() was called.
  Relay& adopt(std::unique_ptr<RelayObserver> observer, net::AsyncSocket& guest, net::AsyncSocket& origin,
               std::uint64_t bytes_up, std::uint64_t bytes_down);

  [[nodiscard]] PipePool& pipes() { return pipes_; }

 private:
  friend class Relay;
  static constexpr std::size_t kBuffer = 64 * 1024;

  void run_again(Relay& relay);
  void forget(Relay& relay);

  boost::asio::io_context& io_;
  net::Poller& poller_;
  net::TimerWheel& wheel_;
  const std::chrono::nanoseconds idle_;
  const std::chrono::nanoseconds stalled_;
  PipePool pipes_;
  std::list<Relay> relays_;
  std::vector<Relay*> again_;         ///< their turn is over, with work left
  const Relay* last_turn_ = nullptr;  ///< whose turn was last, if it has not ended
  std::array<char, kBuffer> buffer_;
};

class Relay final : public net::WheelEntry, public Interruptible {
 public:
  /// Only RelayLoop::adopt() makes relays; public for std::list.
  Relay(RelayLoop& loop, std::unique_ptr<RelayObserver> observer, std::uint64_t bytes_up, std::uint64_t bytes_down);
  ~Relay() override;

  /// Moves what has come already, in this turn of the loop: the peers get it right behind what they got before, and
  /// wake once. May destroy the relay.
  void start();
  /// Ends it now with RST on both sides. Destroys the relay.
  void interrupt(Errc /*why*/) override { finish(RelayEnd::kAborted); }

 private:
  friend class RelayLoop;
  enum Side : std::uint8_t { kGuest, kOrigin };

  class End final : public net::PollTarget {
   public:
    Relay* relay = nullptr;
    Fd socket;
    bool room_watched = false;

   private:
    void ready(std::uint32_t events) override;
  };

  /// Bytes on their way from one side to the other.
  struct Flow {
    Pipe pipe;
    std::uint32_t in_pipe = 0;
    std::string left_over;  ///< copied but not yet accepted by the receiver; only when there was no pipe
    std::uint64_t delivered = 0;
    Monotonic::time_point moved = Monotonic::now();
    bool readable = true;
    bool writable = true;
    /// A large piece came: it is sent with SPLICE_F_MORE, so the socket may keep a packet that is not full.
    bool more_expected = false;
    bool ended = false;   ///< FIN seen
    bool closed = false;  ///< FIN passed on

    /// Bytes wait for the receiver to take them.
    [[nodiscard]] bool pending() const { return in_pipe > 0 || !left_over.empty(); }
  };

  enum class Step : std::uint8_t { kBlocked, kMoved, kGuestBroke, kOriginBroke };
  static Step broke(int side) { return side == kGuest ? Step::kGuestBroke : Step::kOriginBroke; }

  void pump();
  Step move(Flow& flow, int from, int to, std::size_t most);
  Step fill_pipe(Flow& flow, int from, std::size_t most);
  Step drain_pipe(Flow& flow, int to);
  Step copy(Flow& flow, int from, int to);
  Step flush_left_over(Flow& flow, int to);
  Step not_taken(Flow& flow, int to);
  Step no_room(Flow& flow, int to);
  void send_kept(Flow& flow, int to);
  void release_pipe(Flow& flow);
  void finish(RelayEnd end);
  void expired() override;

  RelayLoop& loop_;
  std::unique_ptr<RelayObserver> observer_;
  std::array<End, 2> ends_;
  std::array<Flow, 2> flows_;     ///< indexed by the sender: flows_[kGuest] is upwards
  std::array<bool, 2> broken_{};  ///< the socket of this side has an error
  std::list<Relay>::iterator self_;
  bool again_ = false;  ///< queued in the loop
};

}  // namespace enforcer::proxy
