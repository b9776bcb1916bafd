#include "proxy/intercept.h"

#include "base/log.h"
#include "proxy/guest_connection.h"
#include "proxy/worker.h"
#include "tls/alert.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

Result<std::shared_ptr<const tls::Leaf>> leaf_for(GuestConnection& conversation, const HostName& host) {
  tls::LeafCache& leaves = *conversation.session().view().leaves;
  metrics::WorkerMetrics& metrics = conversation.worker().metrics();
  const std::uint64_t minted_before = leaves.minted();
  const auto start = Monotonic::now();
  auto leaf = leaves.leaf_for(host);
  if (leaves.minted() != minted_before) {
    metrics.certificate_issued();
    metrics.overhead(metrics::Stage::kMint, Monotonic::now() - start);
  }
  return leaf;
}

/// HTTP/2 where the guest offers it, but what the origin speaks where that is known: a request passes best
/// untranslated.
tls::ApplicationProtocols preferred(GuestConnection& connection) {
  using Protocol = tls::ApplicationProtocol;
  const policy::Facts& facts = connection.facts();
  const bool only_http1 = connection.decisions().view().origin_pool->speaks_only_http1(facts.host->text(), facts.port);
  return only_http1 ? tls::ApplicationProtocols{Protocol::kHttp1, Protocol::kHttp2}
                    : tls::ApplicationProtocols{Protocol::kHttp2, Protocol::kHttp1};
}

/// A guest that does not trust its CA, or cannot agree with us, is worth a record: to its user it looks like an outage.
void handshake_failed(GuestConnection& conversation, const Seen& seen, const tls::Stream& guest) {
  if (conversation.interrupted() == Errc::kTimeout) {
    conversation.deny(policy::Reason::kHelloTimeout, seen);
  } else if (guest.fault() == tls::HandshakeFault::kAlpn) {
    conversation.deny(policy::Reason::kAlpn, seen);
  } else if (guest.fault() == tls::HandshakeFault::kConnection) {
    conversation.session().closed_as(metrics::ConnectionResult::kReset);
  } else {
    conversation.deny(policy::Reason::kGuestTls, seen);
  }
}

}  // namespace

asio::awaitable<std::unique_ptr<tls::Stream>> intercept(GuestConnection& conversation, const Seen& seen,
                                                        std::vector<std::uint8_t> received) {
  Worker& worker = conversation.worker();
  const HostName& host = *conversation.facts().host;
  const auto& deadlines = worker.config().deadlines;
  const auto start = Monotonic::now();
  conversation.expect_within(deadlines.tls_handshake);
  const auto leaf = leaf_for(conversation, host);
  if (!leaf) {
    log_error("no certificate for {}: {}", host.text(), leaf.error().message);
    conversation.deny(policy::Reason::kInternal, seen);
    conversation.answer_at_once(tls::fatal_alert(tls::AlertDescription::kAccessDenied));
    co_return nullptr;
  }
  const GuestIdentity& identity = conversation.session().guest().identity();
  const tls::Acceptance how{.guest = identity.name,
                            .epoch = identity.epoch,
                            .host = host,
                            .leaf = **leaf,
                            .protocols = preferred(conversation)};
  auto guest = tls::Stream::accept(conversation.guest(), worker.tls_server(), how, std::move(received));
  if (!guest) {
    conversation.deny(policy::Reason::kInternal, seen);
    co_return nullptr;
  }
  if (const auto shaken = co_await (*guest)->handshake(); !shaken) {
    handshake_failed(conversation, seen, **guest);
    co_return nullptr;
  }
  worker.metrics().tls_handshake(metrics::TlsSide::kGuest, Monotonic::now() - start);
  conversation.expect_within(deadlines.request_head);
  co_return *std::move(guest);
}

}  // namespace enforcer::proxy
