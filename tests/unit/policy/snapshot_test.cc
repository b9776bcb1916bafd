#include "policy/snapshot.h"

#include <doctest/doctest.h>

#include <thread>

#include "fixture.h"

namespace enforcer::policy::test {
namespace {

TEST_CASE("guests_are_selected_by_name_or_by_all_of_their_labels") {
  const auto snapshot =
      must_load({"apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: named}\nspec:\n"
                 "  guests: {names: [g2, g1]}\n  allow: [{name: n, to: [n.test]}]\n"
                 "---\napiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: labelled}\nspec:\n"
                 "  guests: {matchLabels: {a: '1', b: '2'}}\n  allow: [{name: l, to: [l.test]}]\n"});
  const auto rules = [&](const char* name, const Labels& labels) {
    std::string text;
    for (const RuleInfo* rule : snapshot->for_guest(*GuestName::parse(name), labels)->rules()) text += rule->rule;
    return text;
  };
  CHECK(rules("g1", {}) == "n");
  CHECK(rules("g1", {{"a", "1"}, {"b", "2"}, {"c", "3"}}) == "ln");
  CHECK(rules("g3", {{"a", "1"}, {"b", "2"}}) == "l");
  CHECK(rules("g3", {{"a", "1"}}).empty());
  CHECK(rules("g3", {{"a", "1"}, {"b", "3"}}).empty());
}

TEST_CASE("the_policies_that_select_a_guest_have_names") {
  const auto snapshot =
      must_load({"apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: named}\nspec:\n"
                 "  guests: {names: [g1]}\n  allow: [{name: n, to: [n.test]}]\n"
                 "---\napiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: agents}\nspec:\n"
                 "  guests: {matchLabels: {role: agent}}\n  allow: [{name: l, to: [l.test]}]\n"
                 "---\napiVersion: enforcer.dev/v1\nkind: Guardrail\nmetadata: {name: always}\nspec:\n"
                 "  deny: [{name: d, to: [d.test]}]\n"});
  const auto names = [&](const char* name, const Labels& labels) {
    return snapshot->selecting(*GuestName::parse(name), labels);
  };
  CHECK(names("g1", {{"role", "agent"}}) == std::vector<std::string>{"agents", "named"});
  CHECK(names("g1", {}) == std::vector<std::string>{"named"});
  CHECK(names("g2", {{"role", "agent"}}) == std::vector<std::string>{"agents"});
  CHECK(names("g2", {{"role", "other"}}).empty());
  CHECK(Snapshot::deny_everything(1)->selecting(*GuestName::parse("g1"), {}).empty());
}

TEST_CASE("guests_with_the_same_policies_share_one_compiled_policy") {
  const auto snapshot = must_load({policy_with("allow: [{name: a, to: [a.test]}]")});
  std::vector<std::shared_ptr<const GuestPolicy>> seen(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      threads.emplace_back(
          [&, i] { seen[i] = snapshot->for_guest(*GuestName::parse("g" + std::to_string(i)), {{"role", "agent"}}); });
    }
  }
  for (const auto& policy : seen) CHECK(policy == seen[0]);
  CHECK(snapshot->for_guest(*GuestName::parse("g1"), {}) != seen[0]);
}

TEST_CASE("a_guest_policy_outlives_its_snapshot") {
  std::shared_ptr<const GuestPolicy> policy;
  {
    policy = agent_policy({policy_with("allow: [{name: a, to: [a.test]}]")});  // the snapshot is gone after this line
  }
  CHECK(answer(*policy, "tls a.test:443") == "allow passthrough p/a");
}

TEST_CASE("the_smallest_limit_of_all_selecting_policies_wins") {
  const auto policy = agent_policy(
      {policy_with("limits: {connections: 100, dnsPerSecond: 5, uploadBytesPerHour: 1Gi}", "a"),
       policy_with("limits: {connections: 20, halfOpen: 7, uploadBytesPerHour: 2Gi}", "b"),
       policy_with("limits: {requestsPerMinute: 1, decisionsPerMinute: 2, distinctNamesPerHour: 3}", "c")});
  CHECK(policy->limits() == LimitOverrides{.connections = 20,
                                           .half_open = 7,
                                           .requests_per_minute = 1,
                                           .decisions_per_minute = 2,
                                           .distinct_names_per_hour = 3,
                                           .upload_bytes_per_hour = std::uint64_t{1} << 30,
                                           .dns_per_second = 5});
}

TEST_CASE("summaries_and_deny_rules_are_listed_for_people_and_metrics") {
  const auto snapshot =
      must_load({policy_with("mode: audit, allow: [{name: a, to: [a.test]}], deny: [{name: z, to: [z.test], reason: "
                             "No.}, {name: y, to: [y.test]}]"),
                 guardrail_with("deny: [{name: x, to: [x.test]}], ceiling: [{name: c, to: ['**']}]")});
  REQUIRE(snapshot->policies().size() == 2);
  const PolicySummary& policy = snapshot->policies()[0];
  CHECK((policy.name == "p" && policy.kind == "Policy" && policy.file == "file0.yaml" && policy.line == 1));
  CHECK((policy.mode == "audit" && policy.guests == "role=agent" && policy.allow == 1 && policy.deny == 2));
  const PolicySummary& guardrail = snapshot->policies()[1];
  CHECK((guardrail.kind == "Guardrail" && guardrail.guests == "all" && guardrail.deny == 1 && guardrail.ceiling == 1));
  std::string names;
  for (const RuleInfo* rule : snapshot->deny_rules())
    names += rule->policy + "/" + rule->rule + "@" + rule->place + " ";
  CHECK(names == "g/x@file1.yaml:4 p/y@file0.yaml:4 p/z@file0.yaml:4 ");
  CHECK(snapshot->deny_rules()[2]->note == "No.");
}

TEST_CASE("a_reload_with_an_error_yields_no_snapshot") {
  const SourceText texts[] = {{"good.yaml", policy_with("allow: [{name: a, to: [a.test]}]")},
                              {"bad.yaml", "kind: Policy\n"}};
  CHECK(load({texts, 1}, 2).snapshot);
  CHECK_FALSE(load({texts, 2}, 3).snapshot);
  CHECK(load({}, 4).snapshot->generation() == 4);  // no files: a valid generation that denies everything
}

}  // namespace
}  // namespace enforcer::policy::test
