// Conversation: the two sockets of a session while coroutines move its bytes, with one deadline over both. What every
// kind of session (TLS, clear HTTP, opaque, DNS) does in the same way is here; what makes them different is in their
// own files.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "net/async_socket.h"
#include "net/connect_race.h"
#include "net/timer_wheel.h"
#include "proxy/live_session.h"
#include "proxy/origin.h"

namespace enforcer::proxy {

class Conversation final : public net::WheelEntry, public Interruptible {
 public:
  Conversation(std::unique_ptr<LiveSession> session, std::unique_ptr<net::AsyncSocket> guest);
  ~Conversation() override;

  [[nodiscard]] LiveSession& session() { return *session_; }
  [[nodiscard]] Worker& worker() { return session_->worker(); }
  [[nodiscard]] net::AsyncSocket& guest() { return *guest_; }
  [[nodiscard]] net::AsyncSocket& origin() { return *origin_; }

  /// Moves the one deadline; when it passes, every wait of this conversation ends with kTimeout.
  void expect_within(std::chrono::nanoseconds duration);
  /// The same, but what ends are the waits for the origin: the guest can still be told.
  void expect_origin_within(std::chrono::nanoseconds duration);
  /// Why every wait ends at once, if it does.
  [[nodiscard]] std::optional<Errc> interrupted() const { return interrupted_; }

  /// The guest has reset its connection: waits for the origin end.
  [[nodiscard]] bool guest_broken() const { return guest_broken_; }

  /// Appends what the guest sends next; false: it ended, broke or was interrupted (why() says which).
  boost::asio::awaitable<bool> read_guest(std::vector<std::uint8_t>& buffer);
  [[nodiscard]] Errc why() const { return why_; }

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
  [[nodiscard]] const policy::Decision& denial() const { return denial_; }

  /// Ends the waits for the origin alone.
  void interrupt_origin(Errc why);
  /// Closes the connection to the origin: another one may be reached.
  void drop_origin() { origin_.reset(); }

  /// Records a denial and remembers it for the answer to the guest.
  DecisionId deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen = {});
  DecisionId deny(const policy::Facts& facts, policy::Reason reason, const Seen& seen = {});
  [[nodiscard]] const DecisionId& denial_id() const { return denial_id_; }

  /// Hands both sockets and the session to a relay; the conversation is over.
  void become_relay(std::uint64_t bytes_up, std::uint64_t bytes_down);

  /// Records a denial by the audit log itself (LiveSession::allow said so) for the answer to the guest.
  void denied_unrecorded();

  /// How long a guest that has been answered may take to close.
  static constexpr std::chrono::seconds kFarewell{2};
  /// Ends the guest's connection in good order: no more from us, then a bounded wait for its end, so that what was
  /// written last is not lost to a RST. `guest` is the guest's socket or TLS over it.
  boost::asio::awaitable<void> say_goodbye(net::ByteStream& guest);
  /// One attempt, no wait: for answers that RST may follow.
  void answer_at_once(Bytes answer);

  /// The end record of a session that was allowed and ended before a relay took it over.
  void ended(const Ending& ending, metrics::ConnectionResult result);

  void interrupt(Errc why) override;

 private:
  void expired() override;
  boost::asio::awaitable<OriginAddresses> find(const policy::Facts& facts, const policy::Decision& decision);
  Reached forbid(const policy::Facts& facts, const Forbidden& denial, const Seen& seen);
  boost::asio::awaitable<Reached> connect(const policy::Facts& facts, OriginAddresses& found);

  std::unique_ptr<LiveSession> session_;
  std::unique_ptr<net::AsyncSocket> guest_;
  std::unique_ptr<net::AsyncSocket> origin_;
  net::ConnectRace* connecting_ = nullptr;
  enum class Expecting : std::uint8_t { kAnybody, kOrigin };
  Expecting expecting_ = Expecting::kAnybody;
  std::optional<Errc> interrupted_;
  bool guest_broken_ = false;
  Errc why_ = Errc::kIo;
  policy::Reason failure_ = policy::Reason::kOriginConnect;
  policy::Decision denial_;
  DecisionId denial_id_;
};

}  // namespace enforcer::proxy
