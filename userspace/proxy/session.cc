#include "proxy/session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "proxy/classifier.h"
#include "proxy/dns_stream.h"
#include "proxy/guest_connection.h"
#include "proxy/http1_session.h"
#include "proxy/http2_session.h"
#include "proxy/passthrough.h"
#include "proxy/worker.h"

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
  const auto reached = co_await connection->reach_origin(connection->facts(), decision, {});
  if (reached == GuestConnection::Reached::kConnected) connection->become_relay(0, 0);
}

/// HTTP has a coroutine of its own, so that a connection that lives long holds no more than its last step. `received`
/// is what came in clear.
void serve_http(HttpGuest guest, tls::ApplicationProtocol version, std::vector<std::uint8_t> received) {
  guest.connection().facts().layer = policy::Layer::kHttp;
  Worker& worker = guest.connection().worker();
  run(worker, version == tls::ApplicationProtocol::kHttp2 ? serve_http2(std::move(guest), std::move(received))
                                                          : serve_http1(std::move(guest), std::move(received)));
}

asio::awaitable<void> serve_hello(std::unique_ptr<GuestConnection> connection, AllowedHello hello,
                                  std::vector<std::uint8_t> received) {
  auto tls = co_await serve_tls(*connection, std::move(hello), std::move(received));
  if (!tls) co_return;
  const auto version = tls->info().protocol;
  serve_http(HttpGuest(std::move(connection), std::move(tls)), version, {});
}

void serve_classified(std::unique_ptr<GuestConnection> connection, Classification what) {
  using Protocol = Classification::Protocol;
  Worker& worker = connection->worker();
  if (what.protocol == Protocol::kTls) {
    return run(worker, serve_hello(std::move(connection), *std::move(what.hello), std::move(what.received)));
  }
  connection->session().classified(metrics::Protocol::kHttp);
  const bool two = what.protocol == Protocol::kHttp2;
  serve_http(HttpGuest(std::move(connection), nullptr),
             two ? tls::ApplicationProtocol::kHttp2 : tls::ApplicationProtocol::kHttp1, std::move(what.received));
}

/// Null: the system has no memory to watch the socket, which is denied.
std::unique_ptr<GuestConnection> make_connection(std::unique_ptr<LiveSession> session, Fd socket, policy::Facts facts) {
  Worker& worker = session->worker();
  auto guest = net::AsyncSocket::make(worker.io(), worker.poller(), std::move(socket));
  if (guest) return std::make_unique<GuestConnection>(std::move(session), *std::move(guest), std::move(facts));
  session->deny(facts, {.reason = policy::Reason::kInternal});
  return nullptr;
}

}  // namespace

void start_session(std::unique_ptr<LiveSession> session, Fd socket, policy::Facts facts,
                   const policy::Decision& first) {
  if (first.handling != policy::Handling::kOpaque) {
    return session->worker().classifier().add(std::move(session), std::move(socket), std::move(facts),
                                              serve_classified);
  }
  Worker& worker = session->worker();
  auto connection = make_connection(std::move(session), std::move(socket), std::move(facts));
  if (connection) run(worker, relay_opaque(std::move(connection), first));
}

void start_dns_stream(std::unique_ptr<LiveSession> session, Fd socket) {
  Worker& worker = session->worker();
  auto connection = make_connection(std::move(session), std::move(socket), {});
  if (connection) run(worker, serve_dns_stream(std::move(connection)));
}

}  // namespace enforcer::proxy
