#include "policy/git_call.h"

#include <doctest/doctest.h>

#include "fixture.h"
#include "policy/action.h"
#include "policy/decide.h"
#include "policy/request_matcher.h"

namespace enforcer::policy::test {
namespace {

using Kind = GitCall::Update::Kind;
using Word = GitMatcher::Word;
using Updates = std::optional<std::vector<GitCall::Update>>;

/// A push of acme/w that does this.
RequestFacts pushing(Updates updates) {
  Facts asked = facts("https git.test:443 POST /acme/w.git/git-receive-pack");
  add_git_call(asked, std::move(updates));
  return *asked.request;
}

Truth allowed(const GitMatcher& matcher, Updates updates) {
  return matches(matcher, pushing(std::move(updates)), Leaning::kAllowing);
}
Truth objected(const GitMatcher& matcher, Updates updates) {
  return matches(matcher, pushing(std::move(updates)), Leaning::kObjecting);
}

TEST_CASE("an_allow_wants_every_updated_ref_to_fit_and_an_objection_is_content_with_one") {
  const GitMatcher agent{.repos = {"acme/*"}, .refs = {"refs/heads/agent/**", "refs/tags/t-*"}};
  const GitCall::Update mine{"refs/heads/agent/a/b", Kind::kCreate};
  const GitCall::Update tag{"refs/tags/t-1", Kind::kCreate};
  const GitCall::Update main{"refs/heads/main", Kind::kFastForward};
  CHECK(allowed(agent, Updates({mine})) == Truth::kYes);
  CHECK(allowed(agent, Updates({mine, tag})) == Truth::kYes);
  CHECK(allowed(agent, Updates({mine, main})) == Truth::kNo);
  CHECK(allowed(agent, Updates({main})) == Truth::kNo);
  CHECK(objected(agent, Updates({main})) == Truth::kNo);
  CHECK(objected(agent, Updates({main, mine})) == Truth::kYes);
  const GitMatcher only_main{.repos = {"acme/*"}, .refs = {"refs/heads/main"}};
  const GitCall::Update folded{"refs/heads/MAIN", Kind::kCreate};
  CHECK(allowed(only_main, Updates({folded})) == Truth::kNo);
  CHECK(objected(only_main, Updates({folded})) == Truth::kYes);
}

TEST_CASE("deny_leaves_out_what_forces_or_deletes") {
  const GitMatcher matcher{.repos = {"acme/w"}, .force = Word::kDeny, .deletion = Word::kDeny};
  const auto ask = [&](Kind kind) { return allowed(matcher, Updates({{"refs/heads/x", kind}})); };
  CHECK(ask(Kind::kCreate) == Truth::kYes);
  CHECK(ask(Kind::kFastForward) == Truth::kYes);
  CHECK(ask(Kind::kForce) == Truth::kNo);
  CHECK(ask(Kind::kUpdate) == Truth::kCannotTell);
  CHECK(ask(Kind::kDelete) == Truth::kNo);
  const GitMatcher deletions{.repos = {"acme/w"}, .deletion = Word::kDeny};
  CHECK(allowed(deletions, Updates({{"refs/heads/x", Kind::kForce}})) == Truth::kYes);
  CHECK(allowed(deletions, Updates({{"refs/heads/x", Kind::kUpdate}, {"refs/heads/y", Kind::kDelete}})) == Truth::kNo);
}

TEST_CASE("only_means_what_forces_or_deletes_either_where_both_are_said") {
  const GitMatcher both{.repos = {"acme/w"}, .force = Word::kOnly, .deletion = Word::kOnly};
  const GitMatcher force{.repos = {"acme/w"}, .force = Word::kOnly};
  const GitMatcher deletion{.repos = {"acme/w"}, .deletion = Word::kOnly};
  struct Case {
    Kind kind;
    Truth both, force, deletion;
  };
  for (const Case& c : {Case{Kind::kCreate, Truth::kNo, Truth::kNo, Truth::kNo},
                        Case{Kind::kFastForward, Truth::kNo, Truth::kNo, Truth::kNo},
                        Case{Kind::kForce, Truth::kYes, Truth::kYes, Truth::kNo},
                        Case{Kind::kUpdate, Truth::kYes, Truth::kYes, Truth::kNo},  // not shown to be a fast-forward
                        Case{Kind::kDelete, Truth::kYes, Truth::kNo, Truth::kYes}}) {
    const Updates one({{"refs/heads/x", c.kind}});
    CHECK(objected(both, one) == c.both);
    CHECK(objected(force, one) == c.force);
    CHECK(objected(deletion, one) == c.deletion);
  }
}

TEST_CASE("a_push_that_cannot_be_read_is_never_allowed_and_always_objected_to") {
  for (const GitMatcher& matcher : {GitMatcher{.repos = {"acme/w"}, .refs = {"refs/**"}},
                                    GitMatcher{.repos = {"acme/w"}, .deletion = Word::kDeny}}) {
    CHECK(allowed(matcher, std::nullopt) == Truth::kCannotTell);
    CHECK(objected(matcher, std::nullopt) == Truth::kCannotTell);
  }
  CHECK(allowed(GitMatcher{.repos = {"acme/w"}}, std::nullopt) == Truth::kYes);  // it asks nothing of the refs
  CHECK(allowed(GitMatcher{.repos = {"acme/x"}, .refs = {"refs/**"}}, std::nullopt) == Truth::kNo);
}

TEST_CASE("what_updates_no_ref_is_allowed_and_not_objected_to") {
  const GitMatcher matcher{.repos = {"acme/w"}, .refs = {"refs/heads/x"}};
  for (const char* request :
       {"GET /acme/w.git/info/refs?service=git-receive-pack", "GET /acme/w.git/info/refs?service=git-upload-pack",
        "POST /acme/w.git/git-upload-pack"}) {
    CAPTURE(request);
    Facts asked = facts(std::string("https git.test:443 ") + request);
    CHECK(matches(matcher, *asked.request, Leaning::kAllowing) == Truth::kYes);
    CHECK(matches(matcher, *asked.request, Leaning::kObjecting) == Truth::kNo);
  }
  CHECK(allowed(matcher, Updates(std::vector<GitCall::Update>())) == Truth::kYes);  // git asks so whether it may
  CHECK(objected(matcher, Updates(std::vector<GitCall::Update>())) == Truth::kNo);
}

TEST_CASE("the_body_is_read_only_of_a_push_in_no_coding") {
  const auto asks = [](const std::string& request) {
    return push_in_body(*facts("https git.test:443 " + request).request);
  };
  CHECK(asks("POST /acme/w.git/git-receive-pack"));
  CHECK(asks("POST /acme/w/git-receive-pack/"));
  CHECK_FALSE(asks("POST /acme/w.git/git-receive-pack|content-encoding: gzip"));
  CHECK_FALSE(asks("POST /acme/w.git/git-receive-pack|content-encoding: "));
  CHECK_FALSE(asks("GET /acme/w.git/info/refs?service=git-receive-pack"));
  CHECK_FALSE(asks("POST /acme/w.git/git-upload-pack"));
  CHECK_FALSE(asks("PUT /acme/w.git/git-receive-pack"));
}

TEST_CASE("it_is_asked_only_what_rules_here_want_to_know") {
  const auto policy = agent_policy({policy_with(
      "allow: [{name: plain, to: [plain.test]}, {name: git, to: [git.test], git: {repos: [a/*], delete: deny}}, "
      "{name: force, to: [force.test], git: {repos: [a/*], force: deny}}]")});
  const auto asked = [&](const std::string& host) {
    return asks_about_git(*policy, facts("https " + host + ":443 POST /a/w.git/git-receive-pack"));
  };
  CHECK(asked("plain.test") == GitInterest::kNothing);
  CHECK(asked("git.test") == GitInterest::kCall);
  CHECK(asked("force.test") == GitInterest::kForce);
  CHECK(asks_about_git(*policy, facts("https force.test:8443 POST /")) == GitInterest::kNothing);
}

TEST_CASE("what_a_request_does_is_said_in_words") {
  const auto said = [](Updates updates) { return action_of(pushing(std::move(updates))); };
  CHECK(said(Updates({{"refs/heads/main", Kind::kFastForward}})) == "git push acme/w refs/heads/main");
  CHECK(said(Updates({{"refs/heads/main", Kind::kUpdate}})) == "git push acme/w refs/heads/main");
  CHECK(said(Updates({{"refs/heads/main", Kind::kForce}})) == "git push --force acme/w refs/heads/main");
  CHECK(said(Updates({{"refs/heads/main", Kind::kDelete}})) == "git push acme/w refs/heads/main (delete)");
  CHECK(said(Updates({{"refs/heads/a", Kind::kCreate}, {"refs/heads/b", Kind::kForce}})) ==
        "git push --force acme/w refs/heads/b (force), refs/heads/a (new)");
  CHECK(said(std::nullopt) == "git push acme/w (it cannot be told what)");
  CHECK(said(Updates(std::vector<GitCall::Update>())) == "git push acme/w (nothing)");
  Updates many(std::vector<GitCall::Update>(40, {"refs/heads/x", Kind::kUpdate}));
  many->push_back({"refs/heads/last", Kind::kDelete});
  CHECK(said(many) ==
        "git push acme/w refs/heads/last (delete), refs/heads/x, refs/heads/x, refs/heads/x, refs/heads/x, "
        "refs/heads/x and 35 more");
  CHECK(said(Updates({{"refs/heads/" + std::string(1000, 'x'), Kind::kUpdate}})).size() == kLongestActionText);
  Facts fetch = facts("https git.test:443 POST /acme/w.git/git-upload-pack");
  CHECK(action_of(*fetch.request) == "POST /acme/w.git/git-upload-pack");  // nobody has read it
  CHECK(named_action(*fetch.request).empty());
  add_git_call(fetch, std::nullopt);
  CHECK(action_of(*fetch.request) == "git fetch acme/w");
  Facts asks = facts("https git.test:443 GET /acme/w.git/info/refs?service=git-receive-pack");
  add_git_call(asks, std::nullopt);
  CHECK(action_of(*asks.request) == "git push acme/w (asks for its refs)");
  Facts other = facts("https git.test:443 GET /acme/w");
  add_git_call(other, std::nullopt);
  CHECK_FALSE(other.request->git);
  RequestFacts aws{.method = "POST", .path = "/"};
  aws.aws = AwsCall{"cloudformation", "DeleteStack", {}};
  CHECK(action_of(aws) == "cloudformation:DeleteStack");
  aws.aws = AwsCall{"cloudformation", "", {}};
  CHECK(action_of(aws) == "POST /");
}

TEST_CASE("questions_about_git_are_read") {
  const auto asked = [](std::string_view text) {
    const auto question = git_question(text);
    return question ? question->host.text() + ": " + action_of(question->request) : "no";
  };
  CHECK(asked("fetch git.test/acme/w") == "git.test: git fetch acme/w");
  CHECK(asked("push git.test/acme/w.git refs/heads/a") == "git.test: git push acme/w refs/heads/a");
  CHECK(asked("push git.test/g/s/w  +refs/heads/a :refs/tags/b ") ==
        "git.test: git push --force g/s/w refs/heads/a (force), refs/tags/b (delete)");
  for (const char* bad :
       {"", "push", "push git.test", "push git.test/acme/w", "push git.test/acme refs/heads/a",
        "push git.test/acme/w main", "push git.test/acme/* refs/heads/a", "push git.test/acme/w refs/heads/*",
        "fetch git.test/acme/w refs/heads/a", "clone git.test/acme/w", "push ../acme/w refs/heads/a",
        "push git.test/acme/w ++refs/heads/a"}) {
    CAPTURE(bad);
    CHECK(asked(bad) == "no");
  }
}

TEST_CASE("tests_of_a_policy_ask_about_pushes") {
  CHECK(
      problems(policy_with(
          "allow: [{name: own, to: [git.test], git: {repos: [acme/*], refs: ['refs/heads/agent/**'], force: deny, "
          "delete: deny}}], review: [{name: rewrites, to: [git.test], git: {repos: [acme/*], force: only, delete: "
          "only}}], tests: [{git: 'fetch git.test/acme/w', expect: allow, rule: own}, {git: 'push git.test/acme/w "
          "refs/heads/agent/x', expect: allow}, {git: 'push git.test/acme/w refs/heads/agent/x refs/heads/main', "
          "expect: deny}, {git: 'push git.test/acme/w +refs/heads/agent/x', expect: review, rule: rewrites}, {git: "
          "'push git.test/acme/w :refs/heads/agent/x', expect: review}, {git: 'push git.test/other/w "
          "refs/heads/agent/x', expect: deny}, {request: 'POST https://git.test/acme/w.git/git-receive-pack', expect: "
          "deny}]")) == "");
}

}  // namespace
}  // namespace enforcer::policy::test
