#include "policy/open_suffix.h"

#include <doctest/doctest.h>

#include "fixture.h"

namespace enforcer::policy::test {
namespace {

std::string open_suffix_of(const GuestPolicy& policy, std::string_view host) {
  return open_suffix(policy, *HostName::parse(host)).value_or("(none)");
}

}  // namespace

TEST_CASE("names_that_a_wildcard_lets_through_belong_to_the_suffix_behind_it") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: one, to: ['*.wild.test', exact.wild.test]}, {name: deep, to: ['**.a.deep.test', "
                   "'**.deep.test']}, "
                   "{name: middle, to: ['ce.*.cloud.test']}], review: [{name: asked, to: ['*.asked.test']}], "
                   "deny: [{name: no, to: ['**.no.test', x.wild.test]}]")});
  CHECK(open_suffix_of(*policy, "x.wild.test") == "wild.test");  // a deny that spells it out lets nothing through
  CHECK(open_suffix_of(*policy, "exact.wild.test") == "(none)");
  CHECK(open_suffix_of(*policy, "x.y.a.deep.test") == "deep.test");  // the shortest: nested wildcards share one budget
  CHECK(open_suffix_of(*policy, "ce.x.cloud.test") == "cloud.test");
  CHECK(open_suffix_of(*policy, "x.asked.test") == "asked.test");
  for (const char* host : {"x.no.test", "wild.test", "other.test", "x.y.wild.test"}) {
    CAPTURE(host);
    CHECK(open_suffix_of(*policy, host) == "(none)");
  }
}

TEST_CASE("what_a_guardrail_spells_out_is_not_thereby_allowed") {
  const auto policy =
      agent_policy({policy_with("allow: [{name: one, to: ['*.wild.test']}]"),
                    "apiVersion: enforcer.dev/v1\nkind: Guardrail\nmetadata: {name: g}\nspec:\n"
                    "  review: [{name: asked, to: [a.wild.test]}]\n  ceiling: [{name: c, to: ['**.test']}]\n"});
  CHECK(open_suffix_of(*policy, "a.wild.test") == "wild.test");
  CHECK(open_suffix_of(*policy, "b.wild.test") == "wild.test");
}

}  // namespace enforcer::policy::test
