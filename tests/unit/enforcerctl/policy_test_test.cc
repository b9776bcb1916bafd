// policy test: every form of its answer, read back by somebody else where there is somebody.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "../shell.h"
#include "../temporary_folder.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

namespace {

constexpr std::string_view kTested = R"(apiVersion: enforcer.dev/v1
kind: Policy
metadata: {name: agent}
spec:
  guests: {matchLabels: {role: agent}}
  allow:
    - {name: api, to: [api.test]}
    - {name: issues, to: [issues.test], http: [{methods: [POST]}]}
    - {name: spare, to: [spare.test]}
  deny:
    - {name: wiki, to: [wiki.test]}
  tests:
    - {connect: "api.test:443", expect: allow, rule: api}
    - {connect: "issues.test:443", expect: allow}
    - {request: "GET https://wiki.test/a?x=<&>'#\"%C3%BC", expect: deny, rule: agent/wiki}
)";

constexpr std::string_view kFailing = "    - {connect: \"api.test:443\", expect: deny, rule: wiki}\n";

}  // namespace

TEST_CASE("policy_test_passes_and_fails_with_its_exit_code") {
  const TemporaryFolder folder;
  const std::string good = folder.write("good.yaml", kTested);
  const Ran passed = run({"policy", "test", good});
  CHECK(passed.status == 0);
  CHECK(passed.err == "3 tests: 3 passed, 0 failed, 0 skipped\n");
  CHECK(passed.out.contains("agent/wiki"));
  const std::string bad = folder.write("bad.yaml", std::string(kTested) + std::string(kFailing));
  const Ran failed = run({"policy", "test", bad});
  CHECK(failed.status == 3);
  CHECK(failed.err.contains("bad.yaml:16:7: 'api.test:443' expects deny, but gets allow by agent/api"));
  CHECK(failed.err.contains("4 tests: 3 passed, 1 failed, 0 skipped"));
  CHECK(run({"policy", "test", folder.file("none.yaml")}).status == 3);
  CHECK(run({"policy", "test"}).status == 2);
}

TEST_CASE("policy_test_asks_nothing_of_policies_that_do_not_load") {
  const TemporaryFolder folder;
  const std::string file = folder.write("p.yaml", std::string(kTested) + "  alow: []\n");
  const Ran ran = run({"policy", "test", file});
  CHECK(ran.status == 3);
  CHECK(ran.err.contains("error[E0102]"));
  CHECK(ran.err.contains("no test was asked"));
  CHECK(ran.out.empty());
  const auto json = nlohmann::json::parse(run({"policy", "test", file, "-o", "json"}).out);
  CHECK(json["valid"] == false);
  CHECK(json["diagnostics"][0]["code"] == "E0102");
  CHECK(run({"policy", "test", file, "-o", "tap"}).out.contains("Bail out! "));
  const std::string junit = run({"policy", "test", file, "-o", "junit"}).out;
  CHECK(junit.contains("<error type=\"E0102\""));
  CHECK(junit.contains("errors=\"1\""));
}

TEST_CASE("policy_test_names_the_rules_that_no_test_reaches") {
  const TemporaryFolder folder;
  const std::string file = folder.write("p.yaml", kTested);
  const Ran ran = run({"policy", "test", file, "--coverage"});
  CHECK(ran.status == 0);
  CHECK(ran.err.contains("reached 2 of 4 rules (50 %)"));
  const std::string unreached = ran.out.substr(ran.out.find("RULE WITHOUT A TEST"));
  CHECK(unreached.contains("agent/spare"));
  CHECK(unreached.contains("agent/issues"));  // only the connection was asked about
  CHECK_FALSE(unreached.contains("agent/api"));
  CHECK_FALSE(run({"policy", "test", file}).out.contains("agent/spare"));
  const auto json = nlohmann::json::parse(run({"policy", "test", file, "--coverage", "-o", "json"}).out);
  CHECK(json["coverage"]["percent"] == 50);
  CHECK(json["coverage"]["rules"].size() == 4);
  CHECK(json["passed"] == 3);
  CHECK_FALSE(nlohmann::json::parse(run({"policy", "test", file, "-o", "json"}).out).contains("coverage"));
}

TEST_CASE("policy_test_speaks_junit_that_an_xml_parser_reads") {
  const TemporaryFolder folder;
  const std::string file = folder.write("p.yaml", std::string(kTested) + std::string(kFailing));
  const Ran ran = run({"policy", "test", file, "--coverage", "-o", "junit"});
  CHECK(ran.status == 3);
  const std::string script = folder.write("read.py", R"(import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == "testsuites" and root.get("tests") == "4" and root.get("failures") == "1", root.attrib
suite, = root
assert suite.get("name") == "agent" and suite.get("skipped") == "0"
cases = list(suite)
assert len(cases) == 4 and cases[3][0].tag == "failure" and cases[3].get("line") == "16"
assert "<&>'#\"%C3%BC" in cases[2].get("name"), cases[2].attrib
)");
  const ShellAnswer read = shell("python3 " + script + " " + folder.write("out.xml", ran.out) + " 2>&1");
  CHECK_MESSAGE(read.status == 0, read.out);
}

TEST_CASE("policy_test_speaks_tap_that_prove_reads") {
  const TemporaryFolder folder;
  const std::string good = folder.write("p.yaml", kTested);
  const Ran passed = run({"policy", "test", good, "--coverage", "-o", "tap"});
  CHECK(passed.out.starts_with("TAP version 13\n1..3\nok 1 - agent: api.test:443 is allow by api\n"));
  CHECK(passed.out.contains("x=<&>'\\#"));
  CHECK(passed.out.contains("# no test reaches agent/spare at "));
  const std::string bad = folder.write("bad.yaml", std::string(kTested) + std::string(kFailing));
  const Ran failed = run({"policy", "test", bad, "-o", "tap"});
  CHECK(failed.out.contains("not ok 4 - "));
  if (shell("command -v prove").status != 0) {
    fmt::print("SKIP: there is no prove(1) here\n");
    return;
  }
  const ShellAnswer yes = shell("prove -e cat " + folder.write("good.t", passed.out) + " 2>&1");
  CHECK_MESSAGE(yes.status == 0, yes.out);
  CHECK(yes.out.contains("Tests=3"));
  const ShellAnswer no = shell("prove -e cat " + folder.write("bad.t", failed.out) + " 2>&1");
  CHECK(no.status != 0);
  CHECK_MESSAGE(no.out.contains("Failed 1/4 subtests"), no.out);
}

TEST_CASE("policy_test_of_a_policy_without_tests_says_so") {
  const TemporaryFolder folder;
  const std::string file = folder.write("p.yaml", kAgentPolicy);
  const Ran ran = run({"policy", "test", file, "--coverage", "-o", "tap"});
  CHECK(ran.status == 0);
  CHECK(ran.out.starts_with("TAP version 13\n1..0 # SKIP"));
  CHECK(ran.err.contains("0 tests"));
  CHECK(ran.err.contains("reached 0 of 4 rules (0 %)"));
}
