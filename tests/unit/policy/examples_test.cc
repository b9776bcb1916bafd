// The files in policies/ are the language by example: each one loads without an error or a warning, and decides what it
// says.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "fixture.h"

namespace enforcer::policy::test {
namespace {

const std::string kExamples = ENFORCER_SOURCE_DIR "/policies/";

std::shared_ptr<const Snapshot> load_examples(const std::vector<std::string>& names) {
  std::vector<std::string> paths;
  for (const std::string& name : names) paths.push_back(kExamples + name);
  const auto sources = read_sources(paths, SourceUse::kInspect);
  const LoadOutcome outcome = load(sources, 1);
  for (const Diagnostic& diagnostic : outcome.diagnostics) FAIL_CHECK(diagnostic.to_string());
  REQUIRE(outcome.snapshot);
  return outcome.snapshot;
}

std::string ask(const Snapshot& snapshot, const Labels& labels, const std::string& question, const char* guest = "g1") {
  return answer(*snapshot.for_guest(*GuestName::parse(guest), labels), question);
}

TEST_CASE("all_examples_load_together_without_a_warning_and_each_has_a_test_here") {
  const std::set<std::string> known{"coding-agent.yaml", "cost-explorer.yaml", "credentials.yaml", "database.yaml",
                                    "first.yaml",        "guardrail.yaml",     "requests.yaml",    "watch-first.yaml"};
  std::set<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator(kExamples)) {
    if (entry.path().extension() == ".yaml") there.insert(entry.path().filename());
  }
  CHECK(there == known);
  const auto all = load_examples({""});
  CHECK(all->policies().size() == known.size());  // one file has two, and one has none
  CHECK(all->credentials().size() == 3);
}

TEST_CASE("the_coding_agent_may_fetch_sources_and_packages_and_nothing_else") {
  const auto snapshot = load_examples({"coding-agent.yaml"});
  const Labels agent{{"role", "coding-agent"}};
  CHECK(ask(*snapshot, agent, "tls github.com:443") == "allow passthrough coding-agent/github");
  CHECK(ask(*snapshot, agent, "l4 github.com:22") == "deny port");
  CHECK(ask(*snapshot, agent, "dns evil.example") == "deny dns_name");
  CHECK(ask(*snapshot, agent, "http apt.acme.example:80") == "allow passthrough coding-agent/debian");
  CHECK(ask(*snapshot, agent, "tls a.drafts.docs.example.org:443") == "deny rule coding-agent/drafts");
  CHECK(ask(*snapshot, agent, "tls api.hackathon.example:443") == "allow passthrough coding-agent/hackathon");
  CHECK(ask(*snapshot, {}, "tls github.com:443") == "deny no_policy");
  CHECK(snapshot->for_guest(*GuestName::parse("g1"), agent)->limits().upload_bytes_per_hour == std::uint64_t{2} << 30);
}

TEST_CASE("the_first_policy_lets_agents_fetch_and_read_and_write_nothing") {
  const auto snapshot = load_examples({"first.yaml"});
  const Labels agent{{"role", "agent"}};
  CHECK(ask(*snapshot, agent, "tls github.com:443") == "allow passthrough first/fetch");
  CHECK(ask(*snapshot, agent, "tls api.github.com:443") == "allow intercept first/read-api");
  CHECK(ask(*snapshot, agent, "tls gist.github.com:443") == "deny rule first/no-gists");
  CHECK(ask(*snapshot, agent, "l4 github.com:22") == "deny port");
  CHECK(ask(*snapshot, agent, "dns example.com") == "deny dns_name");
  CHECK(ask(*snapshot, {}, "tls github.com:443") == "deny no_policy");
}

TEST_CASE("the_database_guests_reach_their_database_and_no_other_port") {
  const auto snapshot = load_examples({"database.yaml"});
  CHECK(ask(*snapshot, {}, "l4 db.acme.example:5432", "reports") == "allow opaque database/postgres");
  CHECK(ask(*snapshot, {}, "l4 10.20.30.7:6379", "reports-staging") == "allow opaque database/cache");
  CHECK(ask(*snapshot, {}, "l4 github.com:443", "reports") == "deny port");
  CHECK(ask(*snapshot, {}, "l4 db.acme.example:5432", "other") == "deny no_policy");
}

TEST_CASE("the_house_rules_hold_for_guests_of_any_policy") {
  const auto snapshot = load_examples({"guardrail.yaml", "watch-first.yaml"});
  const Labels learning{{"stage", "learning"}};
  CHECK(ask(*snapshot, learning, "tls github.com:443") == "allow passthrough watch-first/known");
  CHECK(ask(*snapshot, learning, "tls x.trycloudflare.com:443") == "deny rule house-rules/tunnels");
  CHECK(ask(*snapshot, learning, "l4 smtp.example:25") == "deny rule house-rules/mail");
  CHECK(ask(*snapshot, learning, "l4 8.8.8.8:25") == "deny rule house-rules/mail");
  CHECK(ask(*snapshot, learning, "https uploads.example.org:443 POST /") ==
        "review passthrough review house-rules/uploads");
  CHECK(ask(*snapshot, learning, "dns hidden.onion") == "deny rule house-rules/ceiling");
}

TEST_CASE("watching_first_blocks_nothing_and_says_what_it_would_have_done") {
  const auto snapshot = load_examples({"watch-first.yaml"});
  CHECK(ask(*snapshot, {{"stage", "learning"}}, "tls new.example:443") ==
        "allow passthrough audit_mode watch-first/audit-mode would deny name");
}

TEST_CASE("the_release_bot_works_on_its_own_repositories_with_a_credential_it_never_sees") {
  const auto snapshot = load_examples({"requests.yaml", "credentials.yaml"});
  const Labels bot{{"role", "release-bot"}};
  CHECK(ask(*snapshot, bot, "tls api.github.com:443") == "allow intercept requests/issues");
  CHECK(ask(*snapshot, bot, "https api.github.com:443 GET /repos/acme/w") ==
        "allow passthrough requests/read with github-bot");
  CHECK(ask(*snapshot, bot, "https api.github.com:443 GET /repos/other/w") == "deny request");
  CHECK(ask(*snapshot, bot, "https api.github.com:443 DELETE /repos/acme/w") ==
        "review passthrough review requests/destructive");
  CHECK(ask(*snapshot, bot, "https github.com:443 POST /acme/w.git/git-upload-pack") ==
        "allow passthrough requests/push-own-org with github-bot");
  CHECK(ask(*snapshot, bot, "tls status.acme.example:443") == "allow passthrough requests/status-page");
}

TEST_CASE("the_cost_analyst_reads_costs_and_changes_nothing") {
  const auto snapshot = load_examples({"cost-explorer.yaml", "credentials.yaml"});
  const Labels analyst{{"role", "cost-analyst"}};
  const auto call = [&](const std::string& host, const std::string& action) {
    return ask(*snapshot, analyst,
               "https " + host + ":443 POST /?Action=" + action + "|content-type: application/x-www-form-urlencoded");
  };
  CHECK(call("ce.us-east-1.amazonaws.com", "GetCostAndUsage") ==
        "allow passthrough cost-explorer/read-costs with cost-reports");
  CHECK(call("ce.us-east-1.amazonaws.com", "DeleteCostCategoryDefinition") == "deny request");
  CHECK(call("cloudformation.eu-west-1.amazonaws.com", "DescribeStacks") ==
        "allow passthrough cost-explorer/look-at-stacks");
  CHECK(call("cloudformation.eu-west-1.amazonaws.com", "DeleteStack") == "deny rule cost-explorer/no-deletions");
  for (const char* action : {"CreateStack", "UpdateStack", "ExecuteChangeSet", "SetStackPolicy", "RollbackStack"}) {
    CHECK_MESSAGE(call("cloudformation.eu-west-1.amazonaws.com", action) == "deny request", action);
  }
  CHECK(call("cloudformation.eu-west-1.amazonaws.com", "GetTemplate") ==
        "allow passthrough cost-explorer/look-at-stacks");
  CHECK(call("cloudformation.eu-west-1.amazonaws.com", "deletestack") ==
        "deny action_unknown cost-explorer/no-deletions");
  CHECK(call("iam.amazonaws.com", "CreateAccessKey") == "deny rule control-plane/no-privileges");
  CHECK(ask(*snapshot, analyst, "tls ec2.us-east-1.amazonaws.com:443") == "deny name");
}

}  // namespace
}  // namespace enforcer::policy::test
