#include "proxy/origin_leg.h"

#include "policy/decide.h"
#include "proxy/conversation.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

/// An idle connection on which something arrives, or ends, is over: an origin has nothing to say unasked.
bool OriginLeg::usable_for(const policy::Decision& decision) {
  if (stream_ == nullptr || credential_ != policy::credential_of(decision) || !received_.empty()) return false;
  std::uint8_t unasked = 0;
  return !stream_->try_read({&unasked, 1}).has_value();
}

asio::awaitable<OriginLeg::Reached> OriginLeg::reach(const policy::Facts& facts, const policy::Decision& decision) {
  LiveSession& session = conversation_.session();
  if (usable_for(decision)) {
    // The address was checked when it was dialled; what policies say about it may have changed since.
    if (const auto denial = policy::deny_address(session.policy(), facts, *session.dialled_address())) {
      conversation_.deny(facts, *denial);
      co_return Reached::kDenied;
    }
    if (co_await session.allow(facts, decision, {})) co_return Reached::kReused;
    conversation_.denied_unrecorded();
    co_return Reached::kDenied;
  }
  drop();
  switch (co_await conversation_.reach_origin(facts, decision, {})) {
    case Conversation::Reached::kDenied:
      co_return Reached::kDenied;
    case Conversation::Reached::kFailed:
      failure_ = conversation_.failure();
      co_return Reached::kFailed;
    case Conversation::Reached::kConnected:
      break;
  }
  credential_ = policy::credential_of(decision);
  co_return co_await secure(facts) ? Reached::kFresh : Reached::kFailed;
}

asio::awaitable<OriginLeg::Reached> OriginLeg::reach_again(const policy::Facts& facts,
                                                           const policy::Decision& decision) {
  drop();
  if (const auto reached = co_await conversation_.reach_origin_again(facts, decision);
      reached != Conversation::Reached::kConnected) {
    failure_ = conversation_.failure();
    co_return reached == Conversation::Reached::kDenied ? Reached::kDenied : Reached::kFailed;
  }
  credential_ = policy::credential_of(decision);
  co_return co_await secure(facts) ? Reached::kFresh : Reached::kFailed;
}

/// The origin must prove that it is the decided name before a byte of the request is written (invariants 4 and 6).
asio::awaitable<bool> OriginLeg::secure(const policy::Facts& facts) {
  if (facts.request->transport == policy::RequestFacts::Transport::kClear) {
    stream_ = &conversation_.origin();
    co_return true;
  }
  Worker& worker = conversation_.worker();
  const auto start = Monotonic::now();
  conversation_.expect_origin_within(worker.config().deadlines.tls_handshake);
  const tls::ApplicationProtocols protocols{tls::ApplicationProtocol::kHttp1};
  auto made = tls::Stream::connect(conversation_.origin(), worker.tls_client(), *facts.host, protocols);
  if (!made) co_return fail_tls(tls::HandshakeFault::kProtocol);
  tls_ = *std::move(made);
  if (const auto shaken = co_await tls_->handshake(); !shaken) co_return fail_tls(tls_->fault());
  worker.metrics().tls_handshake(metrics::TlsSide::kOrigin, Monotonic::now() - start);
  stream_ = tls_.get();
  co_return true;
}

bool OriginLeg::fail_tls(tls::HandshakeFault fault) {
  failure_ = policy::Reason::kOriginTls;
  conversation_.worker().metrics().origin_error(metrics::OriginError::kTls);
  conversation_.ended({.outcome = audit::Outcome::kOriginFailed, .reason = failure_, .detail = tls::label(fault)},
                      metrics::ConnectionResult::kFailed);
  drop();
  return false;
}

void OriginLeg::drop() {
  tls_.reset();
  stream_ = nullptr;
  received_.clear();
  credential_.clear();
  conversation_.drop_origin();
}

}  // namespace enforcer::proxy
