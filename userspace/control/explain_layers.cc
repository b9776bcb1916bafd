#include "control/explain_layers.h"

#include "policy/address_guard.h"
#include "policy/aws_call.h"
#include "policy/git_call.h"

namespace enforcer::control {
namespace {

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

}  // namespace

std::vector<AskedLayer> ask_layers(const GuestPolicy& policy, const ExplainTarget& target, WallClock::time_point now) {
  std::vector<AskedLayer> asked;
  const auto ask = [&](Facts facts) -> const Decision& {
    const Decision decision = decide(policy, facts);
    return asked.emplace_back(std::move(facts), decision).decision;
  };
  const auto ask_all = [&] {
    if (target.host && !ask(facts_at(Layer::kDns, target, now)).allowed()) return;
    const Decision opened = ask(facts_at(Layer::kL4, target, now));
    if (!opened.allowed() || opened.handling == Handling::kOpaque) return;
    if (target.speech == Speech::kTls) {
      const Decision hello = ask(facts_at(Layer::kTls, target, now));
      if (!target.is_request || hello.handling != Handling::kIntercept) return;
    }
    ask(request_facts(policy, target, now));
  };
  ask_all();
  asked.back().decision = guarded(target, asked.back().decision);
  return asked;
}

}  // namespace enforcer::control
