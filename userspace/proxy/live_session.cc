#include "proxy/live_session.h"

#include <utility>

#include "policy/decide.h"
#include "proxy/worker.h"

namespace enforcer::proxy {
namespace {

/// How the end of a relay is recorded and counted.
std::pair<audit::Outcome, metrics::ConnectionResult> ending_of(RelayEnd end) {
  switch (end) {
    case RelayEnd::kDone:
      return {audit::Outcome::kCompleted, metrics::ConnectionResult::kCompleted};
    case RelayEnd::kGuestReset:
      return {audit::Outcome::kGuestReset, metrics::ConnectionResult::kReset};
    case RelayEnd::kOriginReset:
      return {audit::Outcome::kOriginReset, metrics::ConnectionResult::kReset};
    case RelayEnd::kIdle:
      return {audit::Outcome::kTimeout, metrics::ConnectionResult::kTimeout};
    case RelayEnd::kOverBudget:
      return {audit::Outcome::kDenied, metrics::ConnectionResult::kDenied};
    case RelayEnd::kAborted:
      break;
  }
  return {audit::Outcome::kShutdown, metrics::ConnectionResult::kClosed};
}

}  // namespace

LiveSession::LiveSession(Worker& worker, std::shared_ptr<GuestView> view, const Endpoint& destination)
    : worker_(worker),
      view_(std::move(view)),
      destination_(destination),
      policy_(view_->policy),
      decided_with_(policy_) {
  self_ = view_->sessions.insert(view_->sessions.end(), this);
  worker_.metrics().connection_opened();
}

LiveSession::~LiveSession() {
  view_->sessions.erase(self_);
  said_what_it_wants();
  guest().close_session();
  worker_.metrics().connection_closed(protocol_, result_);
}

policy::Decision LiveSession::decide(const policy::Facts& facts) {
  const auto start = Monotonic::now();
  decided_with_ = policy_;
  policy::Decision decision = policy::decide(*decided_with_, facts);
  if (decision.allowed() && !guest().upload().left(start)) {
    decision = {.reason = policy::Reason::kLimitBytes, .rule = decision.rule};
  }
  worker_.metrics().overhead(metrics::Stage::kDecide, Monotonic::now() - start);
  return decision;
}

audit::DecisionRecord LiveSession::record(const policy::Facts& facts, const policy::Decision& decision,
                                          const Seen& seen) const {
  const GuestIdentity& identity = view_->guest->identity();
  audit::DecisionRecord made{
      .id = DecisionId::make(),
      .subject = {&identity.name, identity.epoch, &identity.labels},
      .layer = facts.layer,
      .decision = decision,
      .generation = decided_with_->generation(),
      .sni = seen.sni,
      .host = facts.host ? std::string_view(facts.host->text()) : seen.host,
      .authority = facts.host && seen.host != facts.host->text() ? seen.host : std::string_view(),
      .destination = destination_.address,
      .port = destination_.port,
      .method = facts.request ? std::string_view(facts.request->method) : "",
      .path = facts.request ? std::string_view(facts.request->path) : "",
      .query = facts.request && facts.request->query ? std::string_view(*facts.request->query) : ""};
  return made;
}

DecisionId LiveSession::deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen) {
  ENFORCER_CHECK(!denial.allowed());
  worker_.metrics().decision(view_->series, facts.layer, denial);
  result_ = metrics::ConnectionResult::kDenied;
  denied_id_ = worker_.audit().deny(record(facts, denial, seen));
  return denied_id_;
}

boost::asio::awaitable<bool> LiveSession::allow(const policy::Facts& facts, const policy::Decision& decision,
                                                const Seen& seen) {
  ENFORCER_CHECK(decision.allowed());
  const audit::DecisionRecord allowed = record(facts, decision, seen);
  const auto start = Monotonic::now();
  worker_.audit().append(allowed);
  const auto committed = co_await worker_.audit().commit();
  worker_.metrics().overhead(metrics::Stage::kAudit, Monotonic::now() - start);
  if (!committed) {
    const policy::Decision unrecorded{.reason = policy::Reason::kAuditUnavailable, .rule = decision.rule};
    deny(facts, unrecorded, seen);
    co_return false;
  }
  worker_.metrics().decision(view_->series, facts.layer, decision);
  facts_ = facts;
  decision_ = decision;
  allowed_id_ = allowed.id;
  allowed_at_ = Monotonic::now();
  if (decided_with_ != policy_) decide_again();  // a reload came while it was being written
  co_return true;
}

void LiveSession::end(const Ending& ending) {
  worker_.metrics().transferred(metrics::Direction::kEgress, ending.bytes_up);
  worker_.metrics().transferred(metrics::Direction::kIngress, ending.bytes_down);
  if (!allowed_id_) return;
  const GuestIdentity& identity = view_->guest->identity();
  worker_.audit().append(audit::EndRecord{.id = *allowed_id_,
                                          .subject = {&identity.name, identity.epoch, &identity.labels},
                                          .layer = facts_.layer,
                                          .host = facts_.host ? std::string_view(facts_.host->text()) : "",
                                          .port = destination_.port,
                                          .dialled = dialled_,
                                          .bytes_up = ending.bytes_up,
                                          .bytes_down = ending.bytes_down,
                                          .duration = Monotonic::now() - allowed_at_,
                                          .outcome = closing_.value_or(ending.outcome),
                                          .reason = ending.reason,
                                          .detail = ending.detail});
  allowed_id_.reset();
}

void LiveSession::classified(metrics::Protocol protocol) {
  if (protocol_ != metrics::Protocol::kPending) return;
  protocol_ = protocol;
  worker_.metrics().connection_classified(protocol);
}

void LiveSession::said_what_it_wants() {
  if (std::exchange(half_open_, false)) guest().session_said_what_it_wants();
}

void LiveSession::decide_again() {
  policy_ = view_->policy;
  if (!allowed_id_) return;  // nothing decided yet: the next step decides with the new policy
  facts_.now = WallClock::now();
  const policy::Decision now = policy::decide(*policy_, facts_);
  if (now.allowed() && now.handling == decision_.handling &&
      policy::credential_of(now) == policy::credential_of(decision_)) {
    decision_ = now;
    return;
  }
  close(audit::Outcome::kPolicyChanged);
}

void LiveSession::close(audit::Outcome outcome) {
  closing_ = outcome;
  if (relay_ != nullptr) return relay_->abort();  // destroys this
  if (stage_ != nullptr) stage_->interrupt(Errc::kDenied);
}

void LiveSession::relay_ended(RelayEnd end_of_relay, std::uint64_t bytes_up, std::uint64_t bytes_down) {
  const auto [outcome, result] = ending_of(end_of_relay);
  Ending ending{.outcome = outcome, .bytes_up = bytes_up, .bytes_down = bytes_down};
  if (end_of_relay == RelayEnd::kOverBudget) {
    ending.reason = policy::Reason::kLimitBytes;
    deny(facts_, {.reason = policy::Reason::kLimitBytes, .rule = decision_.rule});
  }
  result_ = result;
  end(ending);
}

bool LiveSession::relayed_up(std::uint64_t bytes) {
  return guest().upload().spend(bytes, Monotonic::now());
}

}  // namespace enforcer::proxy
