// Refusals: who asked the control socket for what is not theirs, for the audit log. Anybody on the host may ask, as
// often as the machine lets them, and the log turns over when it is full: so of one minute a few of each uid are
// recorded, a few more of all, and the rest as a count when the minute is over. Callers with a role and strangers have
// budgets of their own, so that nobody without a role hides what one with a role has tried. Worker 0.
#pragma once

#include <sys/types.h>

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>

#include "base/peer.h"
#include "control/peer.h"

namespace enforcer::control {

class Backend;

class Refusals : public std::enable_shared_from_this<Refusals> {
 public:
  static constexpr std::chrono::seconds kPeriod{60};
  static constexpr unsigned kOfOneUid = 10;
  /// Of all strangers, and as many of all with a role: a user may have thousands of uids (subuid(5)), with the groups
  /// of their own.
  static constexpr unsigned kInAll = 60;
  /// Of those, the ones that are not the first of their uid: the rest is kept for uids that nobody has seen yet.
  static constexpr unsigned kRepeatedInAll = 30;

  /// `backend` outlives every handler of `context`. Another `period` is for tests.
  Refusals(boost::asio::io_context& context, Backend& backend, std::chrono::nanoseconds period = kPeriod)
      : timer_(context), backend_(backend), period_(period) {}

  /// This peer asked for that, which needs another role.
  void add(const Peer& peer, Role role, Role needed, std::string_view method, std::string_view target);

  /// What was only counted is recorded now, and the next refusal begins another period.
  void end_period();

 private:
  struct Count {
    unsigned recorded = 0;
    std::uint64_t rest = 0;
  };
  /// What may be recorded in one period.
  struct Budget {
    std::map<uid_t, Count> by_uid;  ///< of whom one was recorded: at most kInAll
    unsigned recorded = 0;
    std::uint64_t others = 0;  ///< of uids of whom none was

    /// Whether this one is recorded; counts it if not.
    bool take(uid_t uid);
  };

  void begin_period();
  void record_rest(const Budget& budget, std::string_view whose);

  boost::asio::steady_timer timer_;
  Backend& backend_;
  const std::chrono::nanoseconds period_;
  bool begun_ = false;
  Budget strangers_;
  Budget with_role_;
};

}  // namespace enforcer::control
