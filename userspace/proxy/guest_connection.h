// GuestConnection: the conversation that is a guest's whole connection: its session and its socket. What every kind of
// session (TLS, clear HTTP, opaque, DNS) does with them in the same way is here.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "net/async_socket.h"
#include "proxy/conversation.h"
#include "proxy/live_session.h"

namespace enforcer::proxy {

class GuestConnection final : public Conversation, private net::PeerObserver {
 public:
  /// `facts`: those that the connection was admitted with.
  GuestConnection(std::unique_ptr<LiveSession> session, std::unique_ptr<net::AsyncSocket> guest, policy::Facts facts);
  ~GuestConnection() override;

  [[nodiscard]] LiveSession& session() { return *session_; }
  [[nodiscard]] net::AsyncSocket& guest() { return *guest_; }
  /// What is known of it so far; who finds out more adds it.
  [[nodiscard]] policy::Facts& facts() { return facts_; }

  /// Hands both sockets and the session to a relay; the conversation is over.
  void become_relay(std::uint64_t bytes_up, std::uint64_t bytes_down);

  /// Ends the guest's connection in good order: no more from us, then a bounded wait for its end, so that what was
  /// written last is not lost to a RST. `guest` is the guest's socket or TLS over it.
  boost::asio::awaitable<void> say_goodbye(net::ByteStream& guest);
  /// GuestView::answer_at_once().
  void answer_at_once(Bytes answer) { session_->view().answer_at_once(guest_->fd(), answer); }

  using Conversation::deny;
  /// With facts().
  DecisionId deny(policy::Reason reason, const Seen& seen = {}) { return Conversation::deny(facts_, reason, seen); }
  /// The connection counts as denied, until something else becomes of it.
  DecisionId deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen = {}) override;
  /// The connection counts as what became of the last thing that was allowed on it.
  void ended(const Ending& ending, metrics::ConnectionResult result) override;

 private:
  void interrupt_guest(Errc why) override;
  void peer_reset() override { guest_left(); }
  void peer_ended() override { guest_ended(); }

  std::unique_ptr<LiveSession> session_;
  std::unique_ptr<net::AsyncSocket> guest_;
  policy::Facts facts_;
};

}  // namespace enforcer::proxy
