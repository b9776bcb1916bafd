#include "policy/decision.h"

#include <doctest/doctest.h>

namespace enforcer::policy::test {
namespace {

TEST_CASE("a_rule_is_called_by_its_policy_and_its_own_name") {
  const RuleInfo rule{.policy = "agents", .rule = "stacks"};
  CHECK(full_name(&rule) == "agents/stacks");
  CHECK(full_name("agents", "stacks") == "agents/stacks");
  CHECK(full_name(nullptr).empty());
}

}  // namespace
}  // namespace enforcer::policy::test
