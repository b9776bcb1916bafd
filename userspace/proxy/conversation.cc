#include "proxy/conversation.h"

#include "net/socket.h"
#include "proxy/egress.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

void Conversation::expect_within(std::chrono::nanoseconds duration) {
  expecting_ = Expecting::kAnybody;
  expected_within_ = duration;
  worker().wheel().schedule(*this, Deadline::roughly_after(duration));
}

void Conversation::expect_within(std::chrono::nanoseconds duration, Monotonic::time_point since) {
  expect_within(duration);
  worker().wheel().schedule(*this, Deadline::after(duration - (Monotonic::now() - since)));
}

void Conversation::expect_origin_within(std::chrono::nanoseconds duration) {
  expecting_ = Expecting::kOrigin;
  worker().wheel().schedule(*this, Deadline::roughly_after(duration));
}

void Conversation::expired() {
  if (expecting_ == Expecting::kAnybody) {
    if (const auto rest = decisions_.view().still_has(expected_within_)) {
      return worker().wheel().schedule(*this, Deadline::after(*rest));
    }
    return interrupt(Errc::kTimeout);
  }
  origin_late_ = true;
  interrupt_origin(Errc::kTimeout);
}

void Conversation::interrupt(Errc why) {
  if (!interrupted_) interrupted_ = why;
  interrupt_guest(why);
  interrupt_origin(why);
}

void Conversation::guest_left() {
  guest_broken_ = true;
  interrupt_origin(Errc::kIo);
}

void Conversation::guest_ended() {
  guest_ended_ = true;
  if (hold_ != nullptr) hold_->interrupt(Errc::kIo);
}

void Conversation::held_in(Interruptible* hold) {
  hold_ = hold;
  waits_in(hold);
}

void Conversation::waits_in(Interruptible* side) {
  side_ = side;
  if (side_ != nullptr && (interrupted_ || guest_broken_)) side_->interrupt(interrupted_.value_or(Errc::kIo));
}

void Conversation::interrupt_origin(Errc why) {
  if (origin_) origin_->socket->interrupt(why);
  if (connecting_ != nullptr) connecting_->interrupt(why);
  if (side_ != nullptr) side_->interrupt(why);
}

asio::awaitable<OriginAddresses> Conversation::find(const policy::Facts& facts, const policy::Decision& decision) {
  const auto limit = worker().config().deadlines.origin_connect;
  expect_origin_within(limit);
  reach_by_ = Deadline::after(limit);
  co_return co_await find_origin(decisions_, facts, decision, reach_by_);
}

Conversation::Reached Conversation::forbid(const policy::Facts& facts, const Forbidden& denial, const Seen& seen) {
  worker().metrics().origin_error(metrics::OriginError::kAddress);
  deny(facts, denial, seen);
  return Reached::kDenied;
}

asio::awaitable<Conversation::Reached> Conversation::reach_origin(const policy::Facts& facts,
                                                                  const policy::Decision& decision, const Seen& seen) {
  auto found = co_await find(facts, decision);
  if (const auto* denial = std::get_if<Forbidden>(&found)) co_return forbid(facts, *denial, seen);
  if (!co_await decisions_.allow(facts, decision, seen)) {
    denied_unrecorded();
    co_return Reached::kDenied;
  }
  co_return co_await connect(facts, found);
}

asio::awaitable<Conversation::Reached> Conversation::reach_origin_again(const policy::Facts& facts,
                                                                        const policy::Decision& decision) {
  auto found = co_await find(facts, decision);
  const auto* denial = std::get_if<Forbidden>(&found);
  if (denial == nullptr) co_return co_await connect(facts, found);
  ended({.outcome = audit::Outcome::kDenied, .reason = denial->reason}, metrics::ConnectionResult::kDenied);
  co_return forbid(facts, *denial, {});
}

asio::awaitable<Conversation::Reached> Conversation::connect(const policy::Facts& facts, OriginAddresses& found) {
  const auto fail_with = [this](policy::Reason reason, metrics::OriginError error, std::string_view detail = {}) {
    failure_ = reason;
    origin_.reset();
    worker().metrics().origin_error(error);
    ended({.outcome = audit::Outcome::kOriginFailed, .reason = reason, .detail = detail},
          metrics::ConnectionResult::kFailed);
    return Reached::kFailed;
  };
  if (const auto* failure = std::get_if<Unresolved>(&found)) {
    co_return fail_with(policy::Reason::kOriginResolve, failure->error);
  }
  auto& checked = std::get<CheckedAddresses>(found);
  Egress& egress = worker().egress();
  net::ConnectRace race(worker().io(), worker().poller(), worker().wheel());
  if (interrupted_ || guest_broken_) race.interrupt(interrupted_.value_or(Errc::kIo));
  if (!scheduled()) race.interrupt(Errc::kTimeout);  // the deadline passed while the decision was written
  connecting_ = &race;
  const auto hop = co_await egress.first_hop(checked.addresses, facts.port, reach_by_);
  // Of what nobody looks into (`protocol: tcp`) the server may speak first; to a proxy we do.
  const bool we_speak = facts.layer != policy::Layer::kL4 || egress.proxied();
  const auto first = we_speak ? net::FirstWord::kWe : net::FirstWord::kAnybody;
  auto connected = co_await race.run(hop.addresses, hop.port, first);
  connecting_ = nullptr;
  std::optional<EgressFailure> failure;
  if (connected) {
    // Through a proxy, which does not say what it connects to: one of those that the name has.
    const IpAddress address = egress.proxied() ? checked.addresses.front() : connected->address;
    origin_ = std::make_unique<ReachedOrigin>(std::move(connected->socket), address, std::move(checked));
    net::reset_on_close(origin().fd());
    if (interrupted_ || guest_broken_) origin().interrupt(interrupted_.value_or(Errc::kIo));
    const auto asked = Monotonic::now();
    failure = co_await egress.open(origin(), facts, reach_by_);
    if (!failure) worker().metrics().origin_connected(connected->took + (Monotonic::now() - asked));
  } else if (egress.proxied()) {
    failure = egress.unreached(hop, connected.error());
  }
  if (guest_broken_) {
    origin_.reset();
    ended({.outcome = audit::Outcome::kGuestReset}, metrics::ConnectionResult::kReset);
    co_return Reached::kFailed;
  }
  if (failure) {
    co_return fail_with(policy::Reason::kEgressProxy, metrics::OriginError::kProxy, egress.report(*failure));
  }
  if (!connected) {
    const bool late = connected.error().code == Errc::kTimeout;
    co_return fail_with(policy::Reason::kOriginConnect,
                        late ? metrics::OriginError::kTimeout : metrics::OriginError::kConnect);
  }
  decisions_.dialled(origin_->address);
  co_return Reached::kConnected;
}

DecisionId Conversation::deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen) {
  denied_ = std::make_unique<Denied>(denial, decisions_.deny(facts, denial, seen));
  return denied_->id;
}

DecisionId Conversation::deny(const policy::Facts& facts, policy::Reason reason, const Seen& seen) {
  return deny(facts, policy::Decision{.reason = reason}, seen);
}

void Conversation::denied_unrecorded() {
  const policy::Decision denial{.reason = policy::Reason::kAuditUnavailable, .would = {}};
  denied_ = std::make_unique<Denied>(denial, decisions_.denied_id());
}

void Conversation::ended(const Ending& ending, metrics::ConnectionResult /*result*/) {
  decisions_.end(ending);
}

}  // namespace enforcer::proxy
