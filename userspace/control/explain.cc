#include "control/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/explain_layers.h"
#include "control/nearest_change.h"
#include "policy/credential_spec.h"
#include "policy/decide.h"
#include "policy/decision.h"
#include "policy/explain.h"

namespace enforcer::control {
namespace {

using policy::Decision;
using policy::Facts;
using policy::GuestPolicy;
using policy::Handling;
using policy::Layer;
using policy::Reason;

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

/// What becomes of the bytes. At Layer::kHttp it was settled before: by the ClientHello, or by clear HTTP, which is
/// always read and has no word of its own.
std::string_view handling_of(const std::vector<AskedLayer>& asked) {
  const AskedLayer& last = asked.back();
  if (last.decision.action == policy::Action::kDeny) return "";
  if (last.facts.layer != Layer::kHttp) return handling_label(last.decision.handling);
  const bool inside_tls =
      std::ranges::any_of(asked, [](const AskedLayer& layer) { return layer.facts.layer == Layer::kTls; });
  return inside_tls ? handling_label(Handling::kIntercept) : "";
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
  const auto header = label(policy::Stopper::kHeader);
  if (std::ranges::find(answer.rules, header, &ExplainedRule::field) != answer.rules.end()) {
    answer.hints.emplace_back("what explain asks about has no header fields: with them it may come out differently");
  }
  if (decision.allowed() && query.target.host) {
    answer.hints.push_back("the address is checked when the name is resolved, which explain does not do");
  }
}

/// For the search of a change, which holds up decisions about DNS.
constexpr std::chrono::milliseconds kChangeTime{200};

/// A name no policy mentions, for a guest of which only the labels are given.
GuestName nameless() {
  const auto epoch = to_string(random_epoch());
  auto name = GuestName::parse("unnamed-" + epoch);
  ENFORCER_CHECK(name.has_value());
  return *std::move(name);
}

std::vector<ExplainedRule> traced_rules(const GuestPolicy& policy, const Facts& facts) {
  std::vector<ExplainedRule> rules;
  for (const policy::RuleTrace& trace : policy::explain(policy, facts).rules) {
    rules.push_back({.rule = full_name(trace.rule),
                     .place = trace.rule->place,
                     .action = std::string(label(trace.rule->action)),
                     .match = std::string(label(trace.match)),
                     .field = std::string(label(trace.stopper)),
                     .target = trace.target,
                     .detail = trace.detail});
  }
  return rules;
}

ExplainedLayer explained_layer(const GuestPolicy& policy, const AskedLayer& asked) {
  const Decision& decision = asked.decision;
  return {.layer = std::string(label(asked.facts.layer)),
          .decision = std::string(label(decision.action)),
          .handling = asked.facts.layer == Layer::kHttp ? "" : std::string(handling_label(decision.handling)),
          .reason = std::string(label(decision.reason)),
          .description = std::string(description(decision.reason)),
          .rule = full_name(decision.rule),
          .rules = traced_rules(policy, asked.facts)};
}

/// Where in the request the secret goes, in words.
std::string place_of(const policy::CredentialSpec::Injection& injection, ExplainQuery::Detail detail) {
  using enum policy::CredentialSpec::Injection::As;
  const bool whole = detail == ExplainQuery::Detail::kWhole;
  switch (injection.as) {
    case kBearer:
      return "Authorization: Bearer";
    case kBasic:
      return whole ? fmt::format("Authorization: Basic, user name {}", injection.username) : "Authorization: Basic";
    case kHeader:
      return "header " + injection.name;
    case kQuery:
      return "query parameter " + injection.name;
    case kGithub:
      return "Authorization: Basic for git's own requests, Bearer for others";
    case kSigV4:
      if (!whole) return "signature";
      return fmt::format("signature for {} in {}", fmt::join(injection.services, ", "),
                         fmt::join(injection.regions, ", "));
  }
  return "";
}

ExplainedInjection explained_injection(const Decision& decision, const ExplainQuery& query) {
  const ExplainTarget& target = query.target;
  const auto* binding = decision.credential->binding_for(*target.host, target.port);
  ExplainedInjection injection{.credential = decision.credential->name,
                               .as = {},
                               .where = {},
                               .source = std::string(label(decision.credential->source.kind))};
  if (binding != nullptr) {
    injection.as = label(binding->as);
    injection.where = place_of(*binding, query.detail);
  }
  return injection;
}

}  // namespace

ExplainAnswer explain(const policy::Snapshot& snapshot, const ExplainQuery& query) {
  const auto now = WallClock::now();
  const auto guest_policy = snapshot.for_guest(query.guest ? *query.guest : nameless(), query.labels);
  const std::vector<AskedLayer> asked = ask_layers(*guest_policy, query.target, now);
  const Decision& decision = asked.back().decision;

  ExplainAnswer answer;
  answer.target = query.target.text;
  if (query.guest) answer.guest = query.guest->text();
  answer.generation = snapshot.generation();
  answer.decision = label(decision.action);
  answer.handling = handling_of(asked);
  answer.layer = label(asked.back().facts.layer);
  answer.reason = label(decision.reason);
  answer.description = description(decision.reason);
  answer.rule = full_name(decision.rule);
  if (decision.rule != nullptr) {
    answer.place = decision.rule->place;
    answer.note = decision.rule->note;
  }
  if (decision.credential != nullptr) answer.credential = decision.credential->name;
  if (decision.would) answer.would = label(decision.would->action);
  for (const AskedLayer& layer : asked) answer.layers.push_back(explained_layer(*guest_policy, layer));
  answer.rules = answer.layers.back().rules;
  if (decision.credential != nullptr && query.target.host) answer.injection = explained_injection(decision, query);
  NearestChange nearest = nearest_change(*guest_policy, query, asked.back(), now, Deadline::after(kChangeTime));
  answer.changes = std::move(nearest.steps);
  add_hints(answer, snapshot, query, decision);
  if (decision.action == policy::Action::kDeny && !nearest.allows) {
    answer.hints.push_back(
        fmt::format("{}no single change of a policy that was tried here would allow it, pass the policies' tests and "
                    "draw no warning",
                    answer.changes.empty() ? "" : "beside that, "));
  }
  return answer;
}

}  // namespace enforcer::control
