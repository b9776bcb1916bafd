#include "proxy/guest_connection.h"

#include <array>

#include "net/socket.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

GuestConnection::GuestConnection(std::unique_ptr<LiveSession> session, std::unique_ptr<net::AsyncSocket> guest,
                                 policy::Facts facts)
    : Conversation(*session), session_(std::move(session)), guest_(std::move(guest)), facts_(std::move(facts)) {
  begin();
  guest_->tell(*this);
  // What was told before there was anybody to hear it.
  if (guest_->broken()) guest_left();
  if (guest_->peer_ended()) guest_ended();
}

GuestConnection::~GuestConnection() {
  if (session_) let_go();
}

void GuestConnection::interrupt_guest(Errc why) {
  if (guest_) guest_->interrupt(why);
}

void GuestConnection::become_relay(std::uint64_t bytes_up, std::uint64_t bytes_down) {
  cancel();
  LiveSession& session = *session_;
  session.guest().upload().spend(bytes_up, Monotonic::now());
  let_go();
  const auto socket = take_origin().socket;
  Relay& relay = worker().relays().adopt(std::move(session_), *guest_, *socket, bytes_up, bytes_down);
  session.carried_out_by(&relay);
  relay.start();  // last: the relay and the session may be over when it returns
}

asio::awaitable<void> GuestConnection::say_goodbye(net::ByteStream& guest) {
  expect_within(kFarewell);
  guest.end_writing();
  // close(2) with unread bytes would send RST and may take the answer back from the guest (RFC 9112 9.6): read until it
  // is done.
  std::array<std::uint8_t, net::kHeadReadSize> unread;
  while (true) {
    const auto count = co_await guest.read_some(unread);
    if (!count) co_return;
    if (*count == 0) break;
  }
  net::finish_on_close(guest_->fd());
}

DecisionId GuestConnection::deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen) {
  session_->closed_as(metrics::ConnectionResult::kDenied);
  return Conversation::deny(facts, denial, seen);
}

void GuestConnection::ended(const Ending& ending, metrics::ConnectionResult result) {
  session_->closed_as(result);
  Conversation::ended(ending, result);
}

}  // namespace enforcer::proxy
