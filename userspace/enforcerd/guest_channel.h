// GuestChannel: one exec channel of a microVM, and its console. Both are written by the guest: they are read here,
// unprivileged and bounded, and nowhere else.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "base/deadline.h"
#include "base/fd.h"
#include "control/api.h"
#include "net/poller.h"

namespace enforcer::proxy {
class Worker;
}

namespace enforcer::enforcerd {

/// What all channels of one guest know of it.
struct GuestPace {
  bool frozen = false;
  /// Its clock may be wrong. True at first: a guest that stood still when the enforcerd before us ended runs again
  /// without having been told.
  bool clock_due = true;
};

/// A stream to the guest's init (GuestChannels has them all). One conversation at a time. A guest's wall clock stands
/// still with it, so the time is told in its first conversation and behind every thaw.
class GuestChannel : public std::enable_shared_from_this<GuestChannel> {
 public:
  GuestChannel(proxy::Worker& home, Fd socket, std::shared_ptr<GuestPace> pace, std::chrono::milliseconds patience)
      : home_(home), socket_(std::move(socket)), pace_(std::move(pace)), patience_(patience) {}

  /// The certificate of the CA that the guest is to trust, PEM, at most hostproto::kMaxFramePayload: every conversation
  /// from now on begins with it, so that no command runs before it is known. Empty: nothing is said.
  void set_trust(std::string pem) { trust_pem_ = std::move(pem); }

  /// Says hello until the guest echoes it: it has booted. Gives way to open(). kTimeout, kUnavailable when the channel
  /// is closed.
  boost::asio::awaitable<Result<>> greet(Deadline deadline);

  /// A conversation of one caller, begun with a hello of its own (whatever ran before is killed). kConflict while
  /// another one lasts, kUnavailable when the guest does not echo it within `patience`.
  boost::asio::awaitable<Result<std::unique_ptr<control::ExecChannel>>> open();

  enum class Use { kNone, kGreeting, kCommand };
  /// What its conversation is for, if there is one.
  [[nodiscard]] Use use() const;

  /// Tells the time within the conversation that lasts, unless a frame is being written: then it is told behind it.
  void tell_time();

  /// Ends the conversation that lasts, if any: the guest is gone.
  void close();

 private:
  class Conversation;
  class Guard;
  Result<std::unique_ptr<Conversation>> begin(Use use);

  proxy::Worker& home_;
  Fd socket_;
  std::string trust_pem_;
  const std::shared_ptr<GuestPace> pace_;
  const std::chrono::milliseconds patience_;
  Conversation* current_ = nullptr;
};

/// The last 1 MiB of the guest's console: never a growing file.
class ConsoleRing final : public net::PollTarget {
 public:
  static constexpr std::size_t kSize = 1024 * 1024;

  static Result<std::unique_ptr<ConsoleRing>> make(proxy::Worker& home, Fd socket);
  ~ConsoleRing();

  /// The last `lines` lines, escaped for people.
  [[nodiscard]] std::string tail(std::size_t lines) const;

 private:
  ConsoleRing(proxy::Worker& home, Fd socket) : home_(home), socket_(std::move(socket)) {}
  void ready(std::uint32_t events) override;

  proxy::Worker& home_;
  Fd socket_;
  std::string kept_;
};

}  // namespace enforcer::enforcerd
