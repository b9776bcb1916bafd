// Conversation: the two sockets of a session while coroutines move its bytes, with one deadline over both. What every
// kind of session (TLS, clear HTTP, opaque, DNS) does in the same way is here; what makes them different is in their
// own files.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "net/async_socket.h"
#include "net/timer_wheel.h"
#include "proxy/live_session.h"
#include "proxy/origin.h"

namespace enforcer::proxy {

class Conversation final : public net::WheelEntry, public Interruptible, private ConnectWatch {
 public:
  Conversation(std::unique_ptr<LiveSession> session, std::unique_ptr<net::AsyncSocket> guest);
  ~Conversation() override;

  [[nodiscard]] LiveSession& session() { return *session_; }
  [[nodiscard]] Worker& worker() { return session_->worker(); }
  [[nodiscard]] net::AsyncSocket& guest() { return *guest_; }
  [[nodiscard]] net::AsyncSocket& origin() { return *origin_; }

  /// Moves the one deadline; when it passes, every wait of this conversation ends with kTimeout.
  void expect_within(std::chrono::nanoseconds duration);

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
  [[nodiscard]] const policy::Decision& denial() const { return denial_; }

  /// Records a denial and remembers it for the answer to the guest.
  DecisionId deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen = {});
  DecisionId deny(const policy::Facts& facts, policy::Reason reason, const Seen& seen = {});
  [[nodiscard]] const DecisionId& denial_id() const { return denial_id_; }

  /// Hands both sockets and the session to a relay; the conversation is over.
  void become_relay(std::uint64_t bytes_up, std::uint64_t bytes_down);

  /// Answers a denied guest at its own protocol's level: the bytes, then FIN, then a bounded wait so that they are not
  /// lost to a RST.
  boost::asio::awaitable<void> answer_and_finish(Bytes answer);
  /// One attempt, no wait: for answers that RST may follow.
  void answer_at_once(Bytes answer);

  /// The end record of a session that was allowed and ended before a relay took it over.
  void ended(audit::Outcome outcome, metrics::ConnectionResult result, std::optional<policy::Reason> reason,
             std::uint64_t bytes_up, std::uint64_t bytes_down);

  void interrupt(Errc why) override;

 private:
  void expired() override { interrupt(Errc::kTimeout); }
  void connecting(net::AsyncSocket* socket) override;

  std::unique_ptr<LiveSession> session_;
  std::unique_ptr<net::AsyncSocket> guest_;
  std::unique_ptr<net::AsyncSocket> origin_;
  net::AsyncSocket* connecting_ = nullptr;
  std::optional<Errc> interrupted_;
  Errc why_ = Errc::kIo;
  policy::Decision denial_;
  DecisionId denial_id_;
};

}  // namespace enforcer::proxy
