#include "proxy/session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "http/opening.h"
#include "proxy/dns_stream.h"
#include "proxy/guest_connection.h"
#include "proxy/http1_session.h"
#include "proxy/http2_session.h"
#include "proxy/passthrough.h"
#include "proxy/worker.h"
#include "tls/client_hello.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

/// The connection needs no classification: a `protocol: tcp` rule matched, and the server may speak first.
asio::awaitable<void> relay_opaque(GuestConnection& conversation, const policy::Facts& facts,
                                   const policy::Decision& decision) {
  conversation.session().said_what_it_wants();
  conversation.session().classified(metrics::Protocol::kTcp);
  const auto reached = co_await conversation.reach_origin(facts, decision, {});
  if (reached == GuestConnection::Reached::kConnected) conversation.become_relay(0, 0);
}

/// Reads until it is clear which protocol the guest speaks. Nothing is dialled before that, and who never says gets RST
/// (invariants 1 and 2).
asio::awaitable<void> classify(GuestConnection& conversation, policy::Facts facts) {
  conversation.expect_within(conversation.worker().config().deadlines.classify);
  const auto start = Monotonic::now();
  std::vector<std::uint8_t> received;
  while (co_await conversation.read_guest(received)) {
    if (tls::could_be_tls(received)) {
      if (received.size() < 3) continue;
      co_return co_await serve_tls(conversation, std::move(facts), std::move(received), start);
    }
    const http::Opening opening = http::judge_opening(received);
    if (opening == http::Opening::kUndecided) continue;
    if (opening == http::Opening::kRequest || opening == http::Opening::kHttp2) {
      conversation.session().classified(metrics::Protocol::kHttp);
      auto served = (opening == http::Opening::kHttp2 ? serve_http2 : serve_http1)(
          conversation, conversation.guest(), std::move(facts), policy::RequestFacts::Transport::kClear,
          std::move(received));
      co_return co_await std::move(served);
    }
    conversation.deny(facts, policy::Reason::kProtoUnknown);
    co_return;
  }
  if (conversation.why() == Errc::kTimeout) {
    conversation.deny(facts, policy::Reason::kHelloTimeout);
  } else {
    conversation.session().closed_as(metrics::ConnectionResult::kReset);  // it left before it said anything
  }
}

asio::awaitable<void> run(std::unique_ptr<GuestConnection> conversation, policy::Facts facts, policy::Decision first) {
  if (first.handling == policy::Handling::kOpaque) {
    co_await relay_opaque(*conversation, facts, first);
  } else {
    co_await classify(*conversation, std::move(facts));
  }
}

asio::awaitable<void> run_dns(std::unique_ptr<GuestConnection> conversation) {
  co_await serve_dns_stream(*conversation);
}

std::unique_ptr<GuestConnection> converse(std::unique_ptr<LiveSession> session, Fd socket) {
  Worker& worker = session->worker();
  auto guest = net::AsyncSocket::make(worker.io(), worker.poller(), std::move(socket));
  if (!guest) return nullptr;  // out of memory for the poller: the socket closes with RST
  return std::make_unique<GuestConnection>(std::move(session), *std::move(guest));
}

}  // namespace

void start_session(std::unique_ptr<LiveSession> session, Fd socket, policy::Facts facts,
                   const policy::Decision& first) {
  Worker& worker = session->worker();
  auto conversation = converse(std::move(session), std::move(socket));
  if (!conversation) return;
  asio::co_spawn(worker.io(), run(std::move(conversation), std::move(facts), first), asio::detached);
}

void start_dns_stream(std::unique_ptr<LiveSession> session, Fd socket) {
  Worker& worker = session->worker();
  auto conversation = converse(std::move(session), std::move(socket));
  if (conversation) asio::co_spawn(worker.io(), run_dns(std::move(conversation)), asio::detached);
}

}  // namespace enforcer::proxy
