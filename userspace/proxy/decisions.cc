#include "proxy/decisions.h"

#include <utility>

#include "policy/action.h"
#include "policy/decide.h"
#include "proxy/egress.h"
#include "proxy/worker.h"

namespace enforcer::proxy {
namespace {

std::string action_in(const policy::Facts& facts) {
  return facts.request ? policy::named_action(*facts.request) : std::string();
}

}  // namespace

Decisions::Decisions(Worker& worker, std::shared_ptr<GuestView> view, const Endpoint& destination)
    : worker_(worker),
      view_(std::move(view)),
      self_(view_->decided.insert(view_->decided.end(), this)),
      destination_(destination),
      in_force_{view_->policy, view_->labels},
      decided_with_(in_force_) {}

Decisions::~Decisions() {
  view_->decided.erase(self_);
}

Decisions::SinceDecided& Decisions::since_decided() {
  if (!since_decided_) since_decided_ = std::make_unique<SinceDecided>();
  return *since_decided_;
}

policy::Decision Decisions::decide(const policy::Facts& facts) {
  since_decided_.reset();
  const auto start = Monotonic::now();
  if (decided_with_ != in_force_) decided_with_ = in_force_;
  policy::Decision decision = policy::decide(*decided_with_.policy, facts);
  if (decision.action != policy::Action::kDeny && !guest().upload().left(start)) {
    decision = {.reason = policy::Reason::kLimitBytes, .rule = decision.rule};
  }
  worker_.metrics().overhead(metrics::Stage::kDecide, Monotonic::now() - start);
  return decision;
}

audit::DecisionRecord Decisions::record(const policy::Facts& facts, const policy::Decision& decision, const Seen& seen,
                                        std::string_view action) const {
  audit::DecisionRecord made{
      .id = DecisionId::make(),
      .subject = subject_of(decided_with_),
      .layer = facts.layer,
      .decision = decision,
      .generation = decided_with_.policy->generation(),
      .sni = seen.sni,
      .host = facts.host ? std::string_view(facts.host->text()) : seen.host,
      .authority = facts.host && seen.host != facts.host->text() ? seen.host : std::string_view(),
      .destination = destination_.address,
      .port = destination_.port,
      .method = facts.request ? std::string_view(facts.request->method) : "",
      .path = facts.request ? std::string_view(facts.request->path) : "",
      .query = facts.request && facts.request->query ? std::string_view(*facts.request->query) : "",
      .upgrade = facts.request && facts.request->websocket ? "websocket" : "",
      .action = action};
  if (since_decided_) {
    made.review_id = since_decided_->review_id;
    made.approvers = since_decided_->approvers;
  }
  return made;
}

audit::Subject Decisions::subject_of(const Basis& basis) const {
  const GuestIdentity& identity = view_->guest->identity();
  return {&identity.name, identity.epoch, basis.labels.get()};
}

DecisionId Decisions::deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen) {
  ENFORCER_CHECK(denial.action == policy::Action::kDeny);
  worker_.count_decision(*view_, facts.layer, denial);
  denied_id_ = worker_.audit().deny(record(facts, denial, seen, action_in(facts)));
  return denied_id_;
}

boost::asio::awaitable<bool> Decisions::allow(const policy::Facts& facts, const policy::Decision& decision,
                                              const Seen& seen) {
  ENFORCER_CHECK(decision.allowed());
  const std::string action = action_in(facts);
  const audit::DecisionRecord allowed = record(facts, decision, seen, action);
  if (!co_await commit(allowed, facts, decision, seen)) co_return false;
  allowed_ = std::make_unique<Allowed>(allowed.id, facts, decision, decided_with_, Monotonic::now());
  if (decided_with_ != in_force_) decide_again();  // a reload came while it was being written
  if (since_decided_ && since_decided_->revoked) close(audit::Outcome::kCredentialRevoked);
  co_return true;
}

boost::asio::awaitable<bool> Decisions::ask(const policy::Facts& facts, const policy::Decision& decision,
                                            const Seen& seen) {
  ENFORCER_CHECK(decision.action == policy::Action::kReview);
  const std::string action = action_in(facts);
  const audit::DecisionRecord asked = record(facts, decision, seen, action);
  co_return co_await commit(asked, facts, decision, seen);
}

void Decisions::reviewed(std::string_view review_id, std::vector<std::string> approvers) {
  since_decided().review_id = review_id;
  since_decided().approvers = std::move(approvers);
}

/// Invariant 3: what cannot be recorded is denied.
boost::asio::awaitable<bool> Decisions::commit(const audit::DecisionRecord& made, const policy::Facts& facts,
                                               const policy::Decision& decision, const Seen& seen) {
  const auto start = Monotonic::now();
  worker_.audit().append(made);
  const auto committed = co_await worker_.audit().commit();
  worker_.metrics().overhead(metrics::Stage::kAudit, Monotonic::now() - start);
  if (committed) {
    worker_.count_decision(*view_, facts.layer, decision);
    co_return true;
  }
  deny(facts, policy::Decision{.reason = policy::Reason::kAuditUnavailable, .rule = decision.rule}, seen);
  co_return false;
}

void Decisions::deny_allowed(policy::Reason reason) {
  ENFORCER_CHECK(allowed_ != nullptr);
  decided_with_ = allowed_->with;  // a reload may have come since
  deny(allowed_->facts, {.reason = reason, .rule = allowed_->decision.rule});
}

void Decisions::end(const Ending& ending) {
  worker_.metrics().transferred(metrics::Direction::kEgress, ending.bytes_up);
  worker_.metrics().transferred(metrics::Direction::kIngress, ending.bytes_down);
  if (!allowed_) return;
  const policy::Facts& facts = allowed_->facts;
  const Egress& egress = worker_.egress();
  worker_.audit().append(audit::EndRecord{.id = allowed_->id,
                                          .subject = subject_of(allowed_->with),
                                          .layer = facts.layer,
                                          .host = facts.host ? std::string_view(facts.host->text()) : "",
                                          .port = destination_.port,
                                          .dialled = egress.proxied() ? std::nullopt : dialled_,
                                          .via = dialled_ ? egress.via() : std::string_view(),
                                          .bytes_up = ending.bytes_up,
                                          .bytes_down = ending.bytes_down,
                                          .duration = Monotonic::now() - allowed_->at,
                                          .outcome = closing_.value_or(ending.outcome),
                                          .reason = ending.reason,
                                          .detail = ending.detail});
  allowed_.reset();
  dialled_.reset();
}

void Decisions::report(std::string_view name, std::string_view detail) {
  worker_.audit().append(audit::EventRecord{.event = name, .subject = subject_of(decided_with_), .detail = detail});
}

void Decisions::decide_again() {
  in_force_ = {view_->policy, view_->labels};
  if (!allowed_) return;  // nothing decided yet: the next step decides with the new policy
  allowed_->facts.now = WallClock::now();
  const policy::Decision now = policy::decide(*in_force_.policy, allowed_->facts);
  const auto* keys_for = since_decided_ ? since_decided_->keys_for.get() : nullptr;
  const bool keys_stand = keys_for == nullptr || *keys_for == *in_force_.labels;
  if (!keys_stand || !still_stands(now)) return close(audit::Outcome::kPolicyChanged);
  allowed_->decision = now;
  allowed_->with = in_force_;
}

/// An approval is of this one request, and stays what it was while the same rule asks.
bool Decisions::still_stands(const policy::Decision& now) const {
  const policy::Decision& then = allowed_->decision;
  const bool asks_again = now.action == policy::Action::kReview && then.rule != nullptr && then.rule->review &&
                          now.rule->review == then.rule->review;
  return (now.allowed() || asks_again) && now.handling == then.handling &&
         policy::credential_of(now) == policy::credential_of(then);
}

void Decisions::revoke(std::string_view credential) {
  if (!since_decided_ || since_decided_->asked_for != credential) return;
  since_decided_->revoked = true;
  if (allowed_) close(audit::Outcome::kCredentialRevoked);
}

void Decisions::close(audit::Outcome outcome) {
  closing_ = outcome;
  if (stage_ != nullptr) stage_->interrupt(Errc::kDenied);
}

}  // namespace enforcer::proxy
