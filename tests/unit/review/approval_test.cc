// What an approval is worth when the policy that decides last is another one than the policy that asked.
#include "review/approval.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "fixture.h"
#include "policy/credential_spec.h"
#include "policy/decide.h"
#include "policy/loader.h"

namespace enforcer::review {
namespace {

using namespace std::chrono_literals;

/// Of a guest that is under one Policy with this spec, and under `more`; the test fails where they do not load.
std::shared_ptr<const policy::GuestPolicy> under(const std::string& spec, const std::vector<std::string>& more = {}) {
  std::vector<policy::SourceText> sources = {
      {"p.yaml", fmt::format("apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: p}}\n"
                             "spec: {{guests: {{matchLabels: {{team: web}}}}, {}}}\n",
                             spec)}};
  for (const std::string& text : more) sources.push_back({fmt::format("more{}.yaml", sources.size()), text});
  const policy::LoadOutcome outcome = policy::load(sources, 1);
  std::string problems;
  for (const policy::Diagnostic& diagnostic : outcome.diagnostics) problems += diagnostic.to_string() + "\n";
  REQUIRE_MESSAGE(outcome.snapshot, problems);
  return outcome.snapshot->for_guest(*GuestName::parse("agent-1"), {{"team", "web"}});
}

std::string credential_called(const std::string& name, const std::string& file) {
  return fmt::format(
      "apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {{name: {}}}\n"
      "spec: {{source: {{file: {}}}, inject: [{{to: [api.hold.test], as: bearer}}]}}\n",
      name, file);
}

const WallClock::time_point kAsked = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

policy::Facts deletion_at(WallClock::time_point now) {
  policy::Facts facts = facts_of(deletion("/v1/stacks/a"));
  facts.now = now;
  return facts;
}

/// A deletion that this policy holds; the test fails where it does not.
Question asked_by(std::shared_ptr<const policy::GuestPolicy> policy) {
  Question question{.guest = *GuestName::parse("agent-1"), .facts = deletion_at(kAsked)};
  const policy::Decision decision = policy::decide(*policy, question.facts);
  REQUIRE(decision.action == policy::Action::kReview);
  question.policy = std::move(policy);
  question.rule = decision.rule;
  question.credential = std::string(policy::credential_of(decision));
  return question;
}

/// "allow approved p/ask with bot", "deny stale_approval p/ask", "deny name"
std::string answer(const policy::Decision& decision) {
  std::string text = fmt::format("{} {}", policy::label(decision.action), policy::label(decision.reason));
  if (decision.rule != nullptr) text += fmt::format(" {}/{}", decision.rule->policy, decision.rule->rule);
  if (decision.credential != nullptr) text += " with " + decision.credential->name;
  return text;
}

/// What becomes of the approved request under `now`. The desk's answer to the same question must agree: what it would
/// withdraw is never sent as approved, and what it keeps is.
std::string outcome(const Question& question, const policy::GuestPolicy& now, std::chrono::seconds later = 0s) {
  const policy::Decision decision = policy::decide(now, deletion_at(kAsked + later));
  const policy::Decision result = after_approval(question, decision);
  CHECK(result.action != policy::Action::kReview);
  CHECK(still_asks(question, decision) == (result.allowed() && result.reason == policy::Reason::kApproved));
  return answer(result);
}

constexpr const char* kAsk = "review: [{name: ask, to: [api.hold.test], timeout: 5m}]";

}  // namespace

TEST_CASE("an approval holds under the same policy and under one where the same rule asks") {
  const Question question = asked_by(under(kAsk));
  CHECK(outcome(question, *question.policy) == "allow approved p/ask");
  CHECK(outcome(question, *under("review: [  {name: 'ask',  to: [\"api.hold.test\"],   timeout: 5m}]")) ==
        "allow approved p/ask");
  CHECK(outcome(question, *under(std::string(kAsk) + ", allow: [{name: api, to: [api.hold.test]}]")) ==
        "allow approved p/ask");
}

TEST_CASE("an approval is stale when the rule that asks says anything else than it said") {
  const Question question = asked_by(under(kAsk));
  for (const char* other :
       {"{name: ask, to: [api.hold.test], timeout: 6m}", "{name: ask, to: [api.hold.test], timeout: 5m, approvals: 2}",
        "{name: ask, to: [api.hold.test], timeout: 5m, onHold: pause}",
        "{name: ask, to: [api.hold.test], timeout: 5m, reason: Look.}", "{name: ask, to: ['*.hold.test'], timeout: 5m}",
        "{name: ask, to: [api.hold.test], timeout: 5m, private: true}"}) {
    CAPTURE(other);
    CHECK(outcome(question, *under(fmt::format("review: [{}]", other))) == "deny stale_approval p/ask");
  }
  CHECK(outcome(question, *under("review: [{name: new, to: [api.hold.test], timeout: 5m}]")) ==
        "deny stale_approval p/new");
}

TEST_CASE("an approval is stale when another rule asks beside the one that asked") {
  const Question question = asked_by(under(kAsk));
  const std::string two = "{name: two, to: [api.hold.test], approvals: 2}";
  CHECK(outcome(question, *under(fmt::format("review: [{{name: ask, to: [api.hold.test], timeout: 5m}}, {}]", two))) ==
        "deny stale_approval p/two");
  const std::string house =
      "apiVersion: enforcer.dev/v1\nkind: Guardrail\nmetadata: {name: g}\n"
      "spec: {review: [{name: house, to: ['**']}]}\n";
  CHECK(outcome(question, *under(kAsk, {house})) == "deny stale_approval g/house");
}

TEST_CASE("what is denied now is denied whatever people agreed to") {
  const Question question = asked_by(under(kAsk));
  const std::string ask = kAsk;
  CHECK(outcome(question, *under(ask + ", deny: [{name: never, to: [api.hold.test], http: [{methods: [DELETE]}]}]")) ==
        "deny rule p/never");
  CHECK(outcome(question, *under(ask + ", deny: [{name: never, to: [api.hold.test], http: [{methods: [PUT]}]}]")) ==
        "allow approved p/ask");  // the control
  CHECK(outcome(question, *under("allow: [{name: gone, to: [other.hold.test]}]")) == "deny name");
  // Nothing of the request was read for a rule that did not exist: it may be meant.
  CHECK(outcome(question, *under(ask + ", deny: [{name: calls, to: [api.hold.test], aws: {actions: ['iam:*']}}]")) ==
        "deny action_unknown p/calls");
}

TEST_CASE("what needs nobody any more goes by the rule that allows it") {
  const Question question = asked_by(under(kAsk));
  CHECK(outcome(question, *under("allow: [{name: api, to: [api.hold.test]}]")) == "allow rule p/api");
  CHECK(outcome(question, *under("mode: audit, " + std::string(kAsk))) == "allow audit_mode p/audit-mode");
}

TEST_CASE("an approval is stale when the credential is another one, is new or is gone") {
  const auto with = [](const std::string& name, const std::string& file = "/run/secrets/a") {
    const std::string adds = name.empty() ? "" : ", credential: " + name;
    return under(
        fmt::format("{}, allow: [{{name: api, to: [api.hold.test], http: [{{paths: ['/**']}}]{}}}]", kAsk, adds),
        {credential_called("bot", file), credential_called("root", file)});
  };
  const Question question = asked_by(with("bot"));
  REQUIRE(question.credential == "bot");
  CHECK(outcome(question, *with("bot")) == "allow approved p/ask with bot");
  CHECK(outcome(question, *with("bot", "/run/secrets/b")) == "allow approved p/ask with bot");  // people see the name
  CHECK(outcome(question, *with("root")) == "deny stale_approval p/ask");
  CHECK(outcome(question, *with("")) == "deny stale_approval p/ask");
  CHECK(outcome(asked_by(with("")), *with("bot")) == "deny stale_approval p/ask");
}

TEST_CASE("rules that expire while a request is held are gone when it is approved") {
  const std::string until = "expires: '2026-01-01T00:01:00Z'";
  const auto held_until = [&](const std::string& more) {
    return asked_by(under(fmt::format("review: [{{name: ask, to: [api.hold.test], {}}}{}", until, more)));
  };
  const auto outcomes = [](const Question& question) {
    return outcome(question, *question.policy, 59s) + ", " + outcome(question, *question.policy, 60s);
  };
  CHECK(outcomes(held_until("]")) == "allow approved p/ask, deny name");
  CHECK(outcomes(held_until("], allow: [{name: api, to: [api.hold.test]}]")) ==
        "allow approved p/ask, allow rule p/api");
  CHECK(outcomes(held_until(", {name: later, to: [api.hold.test]}]")) ==
        "allow approved p/ask, deny stale_approval p/later");
}

}  // namespace enforcer::review
