#include "proxy/origin_leg.h"

#include "proxy/conversation.h"
#include "proxy/http1_origin_side.h"
#include "proxy/http2_origin_connection.h"
#include "proxy/origin.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;
using Protocol = tls::ApplicationProtocol;
using Transport = policy::RequestFacts::Transport;

namespace {

OriginKey key_of(const policy::Facts& facts, const policy::Decision& decision, OriginLeg::Speak speak) {
  return {.place = facts.host ? facts.host->text() : facts.destination->to_string(),
          .port = facts.port,
          .transport = facts.request->transport,
          .prior = speak == OriginLeg::Speak::kHttp2 ? Protocol::kHttp2 : Protocol::kHttp1,
          .credential = std::string(policy::credential_of(decision))};
}

}  // namespace

OriginPool& OriginLeg::pool() {
  return *conversation_.decisions().view().origin_pool;
}

asio::awaitable<OriginLeg::Reached> OriginLeg::reach(const policy::Facts& facts, const policy::Decision& decision,
                                                     Speak speak, OriginConnection::Ask whom) {
  conversation_.forget_lateness();
  const OriginKey key = key_of(facts, decision, speak);
  if (const auto reused = co_await reuse(key, facts, decision, speak, whom)) co_return *reused;
  const OriginPool::Dial dial(pool(), key);
  switch (co_await conversation_.reach_origin(facts, decision, {})) {
    case Conversation::Reached::kDenied:
      co_return Reached::kDenied;
    case Conversation::Reached::kFailed:
      failure_ = conversation_.failure();
      co_return Reached::kFailed;
    case Conversation::Reached::kConnected:
      break;
  }
  co_return co_await begin(key, facts, speak) ? Reached::kFresh : Reached::kFailed;
}

asio::awaitable<OriginLeg::Reached> OriginLeg::reach_again(const policy::Facts& facts, const policy::Decision& decision,
                                                           Speak speak) {
  drop();
  OriginKey key = key_of(facts, decision, speak);
  const OriginPool::Dial dial(pool(), key);
  if (const auto reached = co_await conversation_.reach_origin_again(facts, decision);
      reached != Conversation::Reached::kConnected) {
    failure_ = conversation_.failure();
    co_return reached == Conversation::Reached::kDenied ? Reached::kDenied : Reached::kFailed;
  }
  co_return co_await begin(std::move(key), facts, speak) ? Reached::kFresh : Reached::kFailed;
}

/// Nothing: a new connection is needed.
asio::awaitable<std::optional<OriginLeg::Reached>> OriginLeg::reuse(const OriginKey& key, const policy::Facts& facts,
                                                                    const policy::Decision& decision, Speak speak,
                                                                    OriginConnection::Ask whom) {
  Decisions& decisions = conversation_.decisions();
  const bool may_share = speak == Speak::kHttp2 || (speak == Speak::kWhatItPrefers && key.transport == Transport::kTls);
  if (may_share && !pool().speaks_only_http1(key.place, key.port)) {
    co_await await_dial(key);
  }
  std::shared_ptr<Http2OriginConnection> shared = may_share ? pool().find_shared(key) : nullptr;
  std::unique_ptr<OriginConnection> idle = shared || speak == Speak::kHttp2 ? nullptr : pool().take(key, whom);
  if (!shared && !idle) co_return std::nullopt;
  const OriginConnection& connection = shared ? shared->connection() : *idle;
  const IpAddress address = connection.address();
  if (const auto denial = forbidden(decisions, facts, decision, connection.checked())) {
    conversation_.deny(facts, *denial);
    co_return Reached::kDenied;
  }
  if (!co_await decisions.allow(facts, decision, {})) {
    conversation_.denied_unrecorded();
    co_return Reached::kDenied;
  }
  decisions.dialled(address);
  if (idle) {
    use(std::move(idle));
    co_return Reached::kReused;
  }
  while (!use(*shared)) {  // it filled up, or ended, while the record was written
    co_await await_dial(key);
    shared = pool().find_shared(key);
    if (!shared || forbidden(decisions, facts, decision, shared->connection().checked())) {
      co_return co_await reach_again(facts, decision, speak);
    }
    decisions.dialled(shared->connection().address());
  }
  co_return Reached::kReused;
}

/// One deadline for all who dial before us; when it passes, we dial ourselves.
asio::awaitable<void> OriginLeg::await_dial(const OriginKey& key) {
  const auto& deadlines = conversation_.worker().config().deadlines;
  conversation_.expect_origin_within(deadlines.origin_connect + deadlines.tls_handshake);
  while (!pool().find_shared(key) && pool().dialling(key) && !conversation_.interrupted() &&
         !conversation_.guest_broken() && !conversation_.origin_late()) {
    OriginPool::Waiting waiting(conversation_.worker().io(), pool(), key);
    conversation_.waits_in(&waiting);
    co_await waiting.wait();
    conversation_.waits_in(nullptr);
  }
  conversation_.forget_lateness();
}

/// The connection is there: TLS over it, and what is spoken on it.
asio::awaitable<bool> OriginLeg::begin(OriginKey key, const policy::Facts& facts, Speak speak) {
  std::unique_ptr<tls::Stream> tls;
  Protocol protocol = key.prior;
  if (key.transport == Transport::kTls) {
    tls = co_await secure(facts, speak);
    if (!tls) co_return false;
    protocol = tls->info().protocol;
    if (speak == Speak::kWhatItPrefers) pool().remember(key, protocol);
  }
  auto reached = conversation_.take_origin();
  auto connection = std::make_unique<OriginConnection>(std::move(key), std::move(reached.socket), std::move(tls),
                                                       reached.address, std::move(reached.checked));
  if (protocol == Protocol::kHttp1) {
    use(std::move(connection));
    co_return true;
  }
  auto shared = Http2OriginConnection::start(conversation_.worker(), conversation_.decisions().view().guest,
                                             std::move(connection));
  pool().share(shared);
  if (use(*shared)) co_return true;
  failure_ = policy::Reason::kOriginConnect;
  conversation_.ended({.outcome = audit::Outcome::kOriginFailed, .reason = failure_},
                      metrics::ConnectionResult::kFailed);
  co_return false;
}

void OriginLeg::use(std::unique_ptr<OriginConnection> connection) {
  protocol_ = Protocol::kHttp1;
  auto side = std::make_unique<Http1OriginSide>(std::move(connection), pool());
  conversation_.waits_in(side.get());
  side_ = std::move(side);
}

bool OriginLeg::use(Http2OriginConnection& connection) {
  auto side = connection.open();
  if (!side) return false;
  protocol_ = Protocol::kHttp2;
  conversation_.waits_in(side.get());
  side_ = std::move(side);
  return true;
}

/// The origin must prove that it is the decided name before a byte of the request is written (invariants 4 and 6).
asio::awaitable<std::unique_ptr<tls::Stream>> OriginLeg::secure(const policy::Facts& facts, Speak speak) {
  Worker& worker = conversation_.worker();
  const auto start = Monotonic::now();
  conversation_.expect_origin_within(worker.config().deadlines.tls_handshake);
  const tls::ApplicationProtocols protocols = speak == Speak::kHttp1
                                                  ? tls::ApplicationProtocols{Protocol::kHttp1}
                                                  : tls::ApplicationProtocols{Protocol::kHttp2, Protocol::kHttp1};
  auto made = tls::Stream::connect(conversation_.origin(), worker.tls_client(), *facts.host, protocols);
  if (!made) co_return fail_tls(tls::HandshakeFault::kProtocol);
  if (const auto shaken = co_await (*made)->handshake(); !shaken) co_return fail_tls((*made)->fault());
  worker.metrics().tls_handshake(metrics::TlsSide::kOrigin, Monotonic::now() - start);
  co_return *std::move(made);
}

std::unique_ptr<tls::Stream> OriginLeg::fail_tls(tls::HandshakeFault fault) {
  failure_ = policy::Reason::kOriginTls;
  if (conversation_.guest_broken()) {  // that is what ended it
    conversation_.ended({.outcome = audit::Outcome::kGuestReset}, metrics::ConnectionResult::kReset);
    return nullptr;
  }
  conversation_.worker().metrics().origin_error(metrics::OriginError::kTls);
  conversation_.ended({.outcome = audit::Outcome::kOriginFailed, .reason = failure_, .detail = tls::label(fault)},
                      metrics::ConnectionResult::kFailed);
  return nullptr;
}

void OriginLeg::drop() {
  conversation_.waits_in(nullptr);
  side_.reset();
  conversation_.drop_origin();
}

}  // namespace enforcer::proxy
