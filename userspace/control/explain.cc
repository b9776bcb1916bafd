#include "control/explain.h"

#include <fmt/format.h>

#include "policy/address_guard.h"
#include "policy/aws_call.h"
#include "policy/credential_spec.h"
#include "policy/decide.h"
#include "policy/decision.h"
#include "policy/explain.h"
#include "policy/git_call.h"

namespace enforcer::control {
namespace {

using policy::Action;
using policy::Decision;
using policy::Facts;
using policy::GuestPolicy;
using policy::Handling;
using policy::Layer;
using policy::Reason;

Facts facts_at(Layer layer, const ExplainTarget& target, WallClock::time_point now) {
  Facts facts;
  facts.layer = layer;
  facts.host = target.host;
  facts.destination = target.address;
  if (layer != Layer::kDns) facts.port = target.port;
  facts.now = now;
  return facts;
}

/// The request asked about: of a URL, method, path and query without any header.
Facts request_facts(const GuestPolicy& policy, const ExplainTarget& target, WallClock::time_point now) {
  using Transport = policy::RequestFacts::Transport;
  Facts facts = facts_at(Layer::kHttp, target, now);
  facts.request = std::make_shared<policy::RequestFacts>(target.request.value_or(policy::RequestFacts{
      .transport = target.speech == Speech::kTls ? Transport::kTls : Transport::kClear,
      .method = target.method,
      .path = target.path,
      .query = target.query,
      .websocket = target.websocket,
      .fields = {},
      .aws = std::nullopt,
  }));
  if (asks_about_aws(policy, facts)) add_aws_call(facts, "");
  const bool reads_git = !facts.request->git && asks_about_git(policy, facts) != policy::GitInterest::kNothing;
  if (reads_git) add_git_call(facts, std::nullopt);
  return facts;
}

/// The facts of the layer at which the data path would have its final answer.
Facts deciding_facts(const GuestPolicy& policy, const ExplainTarget& target, WallClock::time_point now) {
  if (target.host) {
    Facts facts = facts_at(Layer::kDns, target, now);
    if (!decide(policy, facts).allowed()) return facts;
  }
  Facts facts = facts_at(Layer::kL4, target, now);
  const Decision decision = decide(policy, facts);
  if (!decision.allowed() || decision.handling == Handling::kOpaque) return facts;
  if (target.speech == Speech::kTls) {
    facts = facts_at(Layer::kTls, target, now);
    if (!target.is_request || decide(policy, facts).handling != Handling::kIntercept) return facts;
  }
  return request_facts(policy, target, now);
}

/// A literal address meets the address guard at once; a name does when it is resolved.
Decision guarded(const ExplainTarget& target, const Decision& decision) {
  if (!target.address || !decision.allowed()) return decision;
  Decision denial;
  const auto verdict = policy::judge_address(*target.address);
  if (verdict == policy::AddressVerdict::kMetadata) {
    denial.reason = Reason::kDstMetadata;
    return denial;
  }
  const bool listed = decision.opens_private_space();
  if (verdict == policy::AddressVerdict::kPrivate && !listed) {
    denial.reason = Reason::kDstPrivate;
    return denial;
  }
  return decision;
}

std::string_view handling_label(Handling handling) {
  switch (handling) {
    case Handling::kNone:
      return "";
    case Handling::kClassify:
      return "classify";
    case Handling::kOpaque:
      return "opaque";
    case Handling::kPassthrough:
      return "passthrough";
    case Handling::kIntercept:
      return "intercept";
  }
  return "";
}

void add_hints(ExplainAnswer& answer, const policy::Snapshot& snapshot, const ExplainQuery& query,
               const Decision& decision) {
  if (decision.reason == Reason::kNoPolicy) {
    std::string selectors;
    for (const auto& summary : snapshot.policies()) {
      if (summary.kind != "Policy") continue;
      selectors += fmt::format("{}{} ({})", selectors.empty() ? "" : ", ", summary.name, summary.guests);
    }
    answer.hints.push_back(selectors.empty() ? "no policy is loaded" : "policies and whom they select: " + selectors);
  }
  if (decision.handling == Handling::kIntercept) {
    answer.hints.emplace_back("each request is decided on its own: ask about one, as in 'GET https://host/path'");
  }
  if (decision.reason == Reason::kActionUnknown) {
    answer.hints.emplace_back("what a request asks of AWS is in its headers or body, which explain does not have");
  }
  if (decision.allowed() && query.target.host) {
    answer.hints.push_back("the address is checked when the name is resolved, which explain does not do");
  }
}

/// A name no policy mentions, for a guest of which only the labels are given.
GuestName nameless() {
  const auto epoch = to_string(random_epoch());
  auto name = GuestName::parse("unnamed-" + epoch);
  ENFORCER_CHECK(name.has_value());
  return *std::move(name);
}

}  // namespace

ExplainAnswer explain(const policy::Snapshot& snapshot, const ExplainQuery& query) {
  const auto now = WallClock::now();
  const auto guest_policy = snapshot.for_guest(query.guest ? *query.guest : nameless(), query.labels);
  const Facts facts = deciding_facts(*guest_policy, query.target, now);
  const policy::Explanation explanation = policy::explain(*guest_policy, facts);
  const Decision decision = guarded(query.target, explanation.decision);

  ExplainAnswer answer;
  answer.target = query.target.text;
  if (query.guest) answer.guest = query.guest->text();
  answer.generation = snapshot.generation();
  answer.decision = label(decision.action);
  answer.handling = handling_label(decision.handling);
  answer.layer = label(facts.layer);
  answer.reason = label(decision.reason);
  answer.description = description(decision.reason);
  answer.rule = full_name(decision.rule);
  if (decision.rule != nullptr) {
    answer.place = decision.rule->place;
    answer.note = decision.rule->note;
  }
  if (decision.credential != nullptr) answer.credential = decision.credential->name;
  if (decision.would) answer.would = label(decision.would->action);
  for (const policy::RuleTrace& trace : explanation.rules) {
    answer.rules.push_back({.rule = full_name(trace.rule),
                            .place = trace.rule->place,
                            .action = std::string(label(trace.rule->action)),
                            .match = std::string(label(trace.match)),
                            .field = std::string(label(trace.stopper)),
                            .target = trace.target,
                            .detail = trace.detail});
  }
  add_hints(answer, snapshot, query, decision);
  return answer;
}

}  // namespace enforcer::control
