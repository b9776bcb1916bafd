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

void run(Worker& worker, asio::awaitable<void> session) {
  asio::co_spawn(worker.io(), std::move(session), asio::detached);
}

/// The connection needs no classification: a `protocol: tcp` rule matched, and the server may speak first.
asio::awaitable<void> relay_opaque(std::unique_ptr<GuestConnection> connection, policy::Decision decision) {
  connection->session().said_what_it_wants();
  connection->session().classified(metrics::Protocol::kTcp);
  if (!connection->notice_leaving()) co_return;
  const auto reached = co_await connection->reach_origin(connection->facts(), decision, {});
  if (reached == GuestConnection::Reached::kConnected) connection->become_relay(0, 0);
}

enum class Spoken : std::uint8_t { kNothing, kTls, kHttp1, kHttp2 };

/// Reads until it is clear which protocol the guest speaks; kNothing: none that we know, and that was dealt with.
/// Nothing is dialled before that, and who never says gets RST (invariants 1 and 2).
asio::awaitable<Spoken> classify(GuestConnection& connection, std::vector<std::uint8_t>& received) {
  connection.expect_within(connection.worker().config().deadlines.classify);
  while (co_await connection.read_guest(received)) {
    if (tls::could_be_tls(received)) {
      if (received.size() < 3) continue;
      co_return Spoken::kTls;
    }
    switch (http::judge_opening(received)) {
      case http::Opening::kUndecided:
        continue;
      case http::Opening::kRequest:
        co_return Spoken::kHttp1;
      case http::Opening::kHttp2:
        co_return Spoken::kHttp2;
      case http::Opening::kOther:
        break;
    }
    connection.deny(policy::Reason::kProtoUnknown);
    co_return Spoken::kNothing;
  }
  if (connection.why() == Errc::kTimeout) {
    connection.deny(policy::Reason::kHelloTimeout);
  } else {
    connection.session().closed_as(metrics::ConnectionResult::kReset);  // it left before it said anything
  }
  co_return Spoken::kNothing;
}

/// Each step is over before the next begins, and HTTP is served by a coroutine of its own, so that a connection that
/// lives long holds no more than its last step.
asio::awaitable<void> look_into(std::unique_ptr<GuestConnection> connection) {
  const auto start = Monotonic::now();
  std::vector<std::uint8_t> received;
  Spoken spoken = co_await classify(*connection, received);
  std::unique_ptr<tls::Stream> tls;
  if (spoken == Spoken::kTls) {
    tls = co_await serve_tls(*connection, std::exchange(received, {}), start);
    if (!tls) co_return;
    spoken = tls->info().protocol == tls::ApplicationProtocol::kHttp2 ? Spoken::kHttp2 : Spoken::kHttp1;
  }
  if (spoken == Spoken::kNothing) co_return;
  connection->facts().layer = policy::Layer::kHttp;
  if (!tls) {
    connection->session().classified(metrics::Protocol::kHttp);
    if (!connection->notice_leaving()) co_return;
  }
  Worker& worker = connection->worker();
  HttpGuest guest(std::move(connection), std::move(tls));
  run(worker, spoken == Spoken::kHttp1 ? serve_http1(std::move(guest), std::move(received))
                                       : serve_http2(std::move(guest), std::move(received)));
}

asio::awaitable<void> run_dns(std::unique_ptr<GuestConnection> connection) {
  if (connection->notice_leaving()) co_await serve_dns_stream(*connection);
}

/// Most denials are over before the socket was worth watching.
std::unique_ptr<GuestConnection> converse(std::unique_ptr<LiveSession> session, Fd socket, policy::Facts facts) {
  Worker& worker = session->worker();
  auto guest = net::AsyncSocket::make_unwatched(worker.io(), worker.poller(), std::move(socket));
  return std::make_unique<GuestConnection>(std::move(session), std::move(guest), std::move(facts));
}

}  // namespace

void start_session(std::unique_ptr<LiveSession> session, Fd socket, policy::Facts facts,
                   const policy::Decision& first) {
  Worker& worker = session->worker();
  auto connection = converse(std::move(session), std::move(socket), std::move(facts));
  run(worker, first.handling == policy::Handling::kOpaque ? relay_opaque(std::move(connection), first)
                                                          : look_into(std::move(connection)));
}

void start_dns_stream(std::unique_ptr<LiveSession> session, Fd socket) {
  Worker& worker = session->worker();
  auto connection = converse(std::move(session), std::move(socket), {});
  run(worker, run_dns(std::move(connection)));
}

}  // namespace enforcer::proxy
