// Reviews: who asks, on which terms, and what lets the request through when people agree.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "fixture.h"
#include "policy/decide.h"

namespace enforcer::policy::test {
namespace {

Decision asked_about(const GuestPolicy& policy, const std::string& question) {
  return decide(policy, facts(question));
}

ReviewTerms terms_of(const std::string& rule) {
  const auto policy = agent_policy({policy_with("review: [" + rule + "]")});
  const Decision decision = asked_about(*policy, "https a.test:443 GET /");
  REQUIRE(decision.rule != nullptr);
  REQUIRE(decision.rule->review.has_value());
  return *decision.rule->review;
}

TEST_CASE("a_review_has_the_terms_that_its_rule_says_or_the_usual_ones") {
  const ReviewTerms usual = terms_of("{name: ask, to: [a.test]}");
  CHECK(usual.timeout == std::chrono::minutes(10));
  CHECK(usual.approvals == 1);
  CHECK_FALSE(usual.freeze);
  const ReviewTerms said = terms_of("{name: ask, to: [a.test], timeout: 90s, approvals: 3, onHold: pause}");
  CHECK(said.timeout == std::chrono::seconds(90));
  CHECK(said.approvals == 3);
  CHECK(said.freeze);
}

TEST_CASE("a_rules_text_is_the_same_for_the_same_rule_however_it_is_laid_out") {
  const std::string text = terms_of("{name: ask, to: [a.test], timeout: 90s}").text;
  CHECK(terms_of("{ \"name\": 'ask',   to: ['a.test'], timeout: \"90s\" }").text == text);
  CHECK(terms_of("{name: ask, to: [a.test], timeout: 91s}").text != text);
  CHECK(terms_of("{name: ask, to: [a.test, b.test], timeout: 90s}").text != text);
  CHECK(terms_of("{name: ask, to: [a.test], timeout: 90s, reason: x}").text != text);
}

TEST_CASE("of_several_reviews_the_one_that_wants_most_people_asks_and_guardrails_come_first") {
  const std::string two = policy_with(
      "review: [{name: a-one, to: [a.test]}, {name: b-two, to: [a.test], approvals: 2}, "
      "{name: c-two, to: [a.test], approvals: 2}]");
  check(*agent_policy({two}), {{"https a.test:443 GET /", "review passthrough review p/b-two"}});
  const auto guard = [](int approvals) {
    return guardrail_with(fmt::format("review: [{{name: house, to: ['**'], approvals: {}}}]", approvals));
  };
  check(*agent_policy({two, guard(1)}), {{"https a.test:443 GET /", "review passthrough review p/b-two"}});
  check(*agent_policy({two, guard(2)}), {{"https a.test:443 GET /", "review passthrough review g/house"}});
  check(*agent_policy({two, guard(3)}), {{"https a.test:443 GET /", "review passthrough review g/house"}});
}

TEST_CASE("a_policys_review_lets_through_when_people_agree_a_guardrails_only_takes_away") {
  check(*agent_policy({policy_with("review: [{name: ask, to: [a.test]}]")}),
        {{"https a.test:443 GET /", "review passthrough review p/ask"}, {"tls a.test:443", "allow intercept p/ask"}});
  check(*agent_policy({policy_with("allow: [{name: puts, to: [a.test], http: [{methods: [PUT]}]}]"),
                       guardrail_with("review: [{name: house, to: [a.test]}]")}),
        {{"https a.test:443 GET /", "deny request"}, {"https a.test:443 PUT /", "review passthrough review g/house"}});
}

TEST_CASE("what_may_be_meant_is_denied_before_anybody_is_asked") {
  check(*agent_policy({policy_with("allow: [{name: open, to: [a.test]}], review: [{name: ask, to: [a.test]}, "
                                   "{name: unseen, to: [a.test], mcp: {}}]")}),
        {{"https a.test:443 GET /", "deny inspection_unavailable p/unseen"}});
  check(*agent_policy({policy_with("review: [{name: ask, to: [a.test]}], deny: [{name: no, to: [a.test], http: "
                                   "[{methods: [PUT]}]}]")}),
        {{"https a.test:443 GET /", "review passthrough review p/ask"}, {"https a.test:443 PUT /", "deny rule p/no"}});
}

TEST_CASE("a_held_request_carries_the_credential_of_the_allow_beside_it_or_the_reviews_own") {
  const std::string bot = credential("bot", "a.test");
  check(*agent_policy({policy_with("allow: [{name: api, to: [a.test], credential: bot}], review: [{name: ask, to: "
                                   "[a.test], http: [{methods: [DELETE]}]}]"),
                       bot}),
        {{"https a.test:443 GET /", "allow passthrough p/api with bot"},
         {"https a.test:443 DELETE /", "review passthrough review p/ask with bot"}});
  const auto own = agent_policy({policy_with("review: [{name: ask, to: [a.test], credential: bot}]"), bot});
  check(*own, {{"https a.test:443 GET /", "review passthrough review p/ask with bot"},
               {"http a.test:80 GET /", "deny scheme"}});
  check(*agent_policy({policy_with("allow: [{name: clear, to: ['a.test:80']}], review: [{name: ask, to: [a.test], "
                                   "credential: bot}]"),
                       bot}),
        {{"http a.test:80 GET /", "deny scheme p/ask"}});
}

TEST_CASE("what_the_allow_beside_a_review_opens_is_open_when_people_agree") {
  const auto held = [](const std::string& allow) {
    const auto policy =
        agent_policy({policy_with("allow: [" + allow + "]"), guardrail_with("review: [{name: house, to: [a.test]}]")});
    const Decision decision = asked_about(*policy, "https a.test:443 GET /");
    REQUIRE(decision.action == Action::kReview);
    return decision.opens_private_space();
  };
  CHECK(held("{name: inside, to: [a.test], private: true}"));
  CHECK_FALSE(held("{name: outside, to: [a.test]}"));
}

TEST_CASE("only_single_requests_can_be_held") {
  check(*agent_policy({policy_with("allow: [{name: db, to: ['db.test:5432'], protocol: tcp}, {name: shut, to: "
                                   "[s.test], inspect: never}]"),
                       policy_with("review: [{name: ask, to: ['**.test']}]", "q")}),
        {{"l4 db.test:5432", "deny review_unavailable q/ask"}, {"tls s.test:443", "deny review_unavailable q/ask"}});
}

}  // namespace
}  // namespace enforcer::policy::test
