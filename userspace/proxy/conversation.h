// Conversation: one thing that is decided and carried out between a guest and an origin, a whole connection or one
// stream of it, with one deadline over all its waits. What every kind has in common is here: reaching the origin after
// the decision, denying, the two ways of being ended. Where the guest is, its own kinds know (guest_connection.h,
// http2_guest_stream.h).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <utility>

#include "net/async_socket.h"
#include "net/connect_race.h"
#include "net/timer_wheel.h"
#include "proxy/decisions.h"
#include "proxy/interruptible.h"
#include "proxy/origin.h"

namespace enforcer::proxy {

/// A connection to an origin, where it leads, and all that its name had, by which a kept connection is judged again.
struct ReachedOrigin {
  std::unique_ptr<net::AsyncSocket> socket;
  IpAddress address;
  CheckedAddresses checked;
};

class Conversation : public net::WheelEntry, public Interruptible {
 public:
  explicit Conversation(Decisions& decisions) : decisions_(decisions) {}

  [[nodiscard]] Decisions& decisions() { return decisions_; }
  [[nodiscard]] Worker& worker() { return decisions_.worker(); }

  /// Moves the one deadline; when it passes, every wait of this conversation ends with kTimeout. While the guest is
  /// frozen it does not pass, and begins anew when the guest runs again.
  void expect_within(std::chrono::nanoseconds duration);
  /// The same, counted from a moment that is past.
  void expect_within(std::chrono::nanoseconds duration, Monotonic::time_point since);
  /// The same, but what ends are the waits for the origin: the guest can still be told.
  void expect_origin_within(std::chrono::nanoseconds duration);
  /// Why every wait ends at once, if it does.
  [[nodiscard]] std::optional<Errc> interrupted() const { return interrupted_; }
  /// A request begins: what was late before it is not its matter.
  void forget_lateness() { origin_late_ = false; }
  /// The wait for the origin has ended because of its deadline.
  [[nodiscard]] bool origin_late() const { return origin_late_; }

  /// The guest has broken it off: waits for the origin end.
  void guest_left();
  [[nodiscard]] bool guest_broken() const { return guest_broken_; }
  /// The guest has ended its side: it may still read, but nobody can know.
  void guest_ended();
  /// Nobody can be sure that the guest still waits for an answer.
  [[nodiscard]] bool guest_gone() const { return guest_broken_ || guest_ended_; }
  /// Who holds a request and is told when the guest ends its side, too; null: nobody.
  void held_in(Interruptible* hold);

  /// What reach_origin() came to.
  enum class Reached : std::uint8_t {
    kConnected,  ///< origin() is connected, the decision is recorded
    kDenied,     ///< recorded as a denial; denial() and denial_id() say which
    kFailed,     ///< allowed and recorded, but the origin could not be reached
  };
  /// Invariants 1, 3 and 5 in one place: find the origin's addresses, judge them, record the decision, connect.
  boost::asio::awaitable<Reached> reach_origin(const policy::Facts& facts, const policy::Decision& decision,
                                               const Seen& seen);
  /// The same for a decision that is recorded already, whose connection is gone.
  boost::asio::awaitable<Reached> reach_origin_again(const policy::Facts& facts, const policy::Decision& decision);
  /// After kFailed.
  [[nodiscard]] policy::Reason failure() const { return failure_; }
  /// After a denial.
  [[nodiscard]] const policy::Decision& denial() const { return denied_->decision; }

  [[nodiscard]] net::AsyncSocket& origin() { return *origin_->socket; }
  /// What was reached, for who keeps it longer than this conversation.
  [[nodiscard]] ReachedOrigin take_origin() { return std::move(*std::exchange(origin_, nullptr)); }
  /// Closes the connection to the origin: another one may be reached.
  void drop_origin() { origin_.reset(); }

  /// What else waits for the origin from now on (null: nothing), and ends with interrupt_origin().
  void waits_in(Interruptible* side);
  /// Ends the waits for the origin alone.
  void interrupt_origin(Errc why);

  /// Records a denial and remembers it for the answer to the guest.
  virtual DecisionId deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen = {});
  DecisionId deny(const policy::Facts& facts, policy::Reason reason, const Seen& seen = {});
  /// After a denial.
  [[nodiscard]] const DecisionId& denial_id() const { return denied_->id; }
  /// Records a denial by the audit log itself (Decisions::allow said so) for the answer to the guest.
  void denied_unrecorded();

  /// How long a guest that has been answered may take to close.
  static constexpr std::chrono::seconds kFarewell{2};

  /// The end record of what was allowed.
  virtual void ended(const Ending& ending, metrics::ConnectionResult result);

  void interrupt(Errc why) override;

 protected:
  virtual void interrupt_guest(Errc why) = 0;
  /// The decisions are told who carries them out, from when they are there until before they go.
  void begin() { decisions_.carried_out_by(this); }
  void let_go() { decisions_.carried_out_by(nullptr); }

 private:
  void expired() override;
  boost::asio::awaitable<OriginAddresses> find(const policy::Facts& facts, const policy::Decision& decision);
  Reached forbid(const policy::Facts& facts, const Forbidden& denial, const Seen& seen);
  boost::asio::awaitable<Reached> connect(const policy::Facts& facts, OriginAddresses& found);

  struct Denied {
    policy::Decision decision;
    DecisionId id;
  };

  Decisions& decisions_;
  std::unique_ptr<ReachedOrigin> origin_;
  net::ConnectRace* connecting_ = nullptr;
  Deadline reach_by_ = Deadline::after({});  ///< of the origin being reached
  Interruptible* side_ = nullptr;
  Interruptible* hold_ = nullptr;
  std::unique_ptr<const Denied> denied_;  ///< the last denial; most conversations have none
  std::chrono::nanoseconds expected_within_{};
  std::optional<Errc> interrupted_;
  policy::Reason failure_ = policy::Reason::kOriginConnect;
  enum class Expecting : std::uint8_t { kAnybody, kOrigin };
  Expecting expecting_ = Expecting::kAnybody;
  bool origin_late_ = false;
  bool guest_broken_ = false;
  bool guest_ended_ = false;
};

}  // namespace enforcer::proxy
