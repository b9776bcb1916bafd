// Refusals: who asked the control socket for what is not theirs, for the audit log. Anybody on the host may ask, as
// often as the machine lets them, and the log turns over when it is full: so of one minute a few of each uid are
// recorded, a few more of all, and the rest as a count when the minute is over. Worker 0.
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
  static constexpr unsigned kInAll = 60;  ///< of all uids: a user may have thousands (subuid(5))
  /// Uids whose rest is counted by itself; that of all others is one count.
  static constexpr std::size_t kMaxUids = 16;

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

  void begin_period();

  boost::asio::steady_timer timer_;
  Backend& backend_;
  const std::chrono::nanoseconds period_;
  bool begun_ = false;
  unsigned recorded_ = 0;
  std::map<uid_t, Count> by_uid_;
  std::uint64_t others_ = 0;  ///< of uids beyond kMaxUids
};

}  // namespace enforcer::control
