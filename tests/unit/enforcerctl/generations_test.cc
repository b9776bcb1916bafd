// policy history, rollback, get and the deadline of apply, against the control server.
#include "enforcerctl/generations.h"

#include <nlohmann/json.hpp>

#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

namespace {

control::GenerationInfo kept(std::uint64_t first, std::uint64_t last) {
  return {.first = first,
          .last = last,
          .time = WallClock::time_point(std::chrono::seconds(1'700'000'000)),
          .cause = "apply",
          .uid = 1000,
          .user = "ada",
          .digest = "0123456789abcdef",
          .sources = {{.name = "/etc/p.yaml", .applied = false, .sha256 = "ab"},
                      {.name = "/var/policy-a.yaml", .applied = true, .sha256 = "cd"}}};
}

std::vector<control::GenerationInfo> three() {
  std::vector all{kept(1, 1), kept(2, 4), kept(5, 5)};
  all.back().in_force = true;
  return all;
}

}  // namespace

TEST_CASE("the_previous_generation_is_the_last_of_those_before_the_one_in_force") {
  auto all = three();
  CHECK(ctl::previous_of(all).value() == 4);
  CHECK(ctl::numbers_of(all[1]) == "2-4");
  all.back().in_force = false;  // started on the last good one, which is not kept
  CHECK(ctl::previous_of(all).error().code == Errc::kNotFound);
  all.front().in_force = true;
  CHECK(ctl::previous_of(all).error().code == Errc::kNotFound);
  CHECK_FALSE(ctl::previous_of({}).has_value());
}

TEST_CASE("policy_history_lists_what_the_daemon_keeps") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"policy", "history"}).err.contains("no generation was ever in force"));
  daemon.locked()->generations = three();
  const Ran table = run_with(daemon, {"policy", "history"});
  CHECK(table.status == 0);
  CHECK(table.out.contains("2-4"));
  CHECK(table.out.contains("ada (1000)"));
  CHECK(table.out.contains("0123456789ab"));
  CHECK_FALSE(table.out.contains("0123456789abc"));
  CHECK(table.out.contains("in force"));
  const auto json = nlohmann::json::parse(run_with(daemon, {"policy", "history", "-o", "json"}).out);
  CHECK(json["generations"][2]["in_force"] == true);
  CHECK(json["generations"][0]["files"][1]["applied"] == true);
}

TEST_CASE("policy_rollback_goes_to_the_named_generation_or_to_the_one_before") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"policy", "rollback"}).status == 5);
  daemon.locked()->generations = three();
  const Ran before = run_with(daemon, {"policy", "rollback"});
  CHECK(before.status == 0);
  CHECK(before.err.contains("going back to generation 4"));
  CHECK(before.err.contains("generation 2 is in force"));
  CHECK(run_with(daemon, {"policy", "rollback", "1"}).status == 0);
  const std::string uid = std::to_string(getuid());
  CHECK(daemon.shared.calls_now() == std::vector<std::string>{"roll back to 4 by " + uid, "roll back to 1 by " + uid});
  CHECK(run_with(daemon, {"policy", "rollback", "x"}).status == 2);
  daemon.locked()->error = Error{Errc::kConflict, "generation 1 had other configured files: /etc/p.yaml (changed)"};
  const Ran refused = run_with(daemon, {"policy", "rollback", "1"});
  CHECK(refused.status == 7);
  CHECK(refused.err.contains("/etc/p.yaml (changed)"));
}

TEST_CASE("policy_get_prints_a_text_that_is_a_file_again") {
  FakeDaemon daemon;
  daemon.locked()->texts = {
      {5,
       {{.kind = "Policy", .name = "a", .file = "/etc/p.yaml", .line = 3, .text = "# \xc3\xbc\nkind: Policy\n"},
        {.kind = "Guardrail", .name = "a", .file = "/etc/g.yaml", .applied = true, .text = "kind: Guardrail"},
        {.kind = "Credential", .name = "a", .file = "/etc/c.yaml", .text = "kind: Credential\n"}}},
      {2, {{.kind = "Policy", .name = "a", .file = "/etc/p.yaml", .text = "old\n"}}}};
  const Ran both = run_with(daemon, {"policy", "get", "a", "-o", "yaml"});
  CHECK(both.status == 0);
  CHECK(both.out == "# \xc3\xbc\nkind: Policy\n---\nkind: Guardrail\n");
  CHECK(run_with(daemon, {"policy", "get", "a"}).out == both.out);
  const auto json = nlohmann::json::parse(run_with(daemon, {"policy", "get", "a", "-o", "json"}).out);
  CHECK(json["objects"].size() == 2);
  CHECK(both.err.contains("Policy a of generation 5, in a configured file: /etc/p.yaml:3"));
  CHECK(run_with(daemon, {"policy", "get", "a", "--generation", "2"}).out == "old\n");
  CHECK(run_with(daemon, {"policy", "get", "a", "--generation", "3"}).status == 5);
  CHECK(run_with(daemon, {"policy", "get", "b"}).status == 5);
}

TEST_CASE("policy_apply_waits_as_long_as_it_is_told") {
  FakeDaemon daemon;
  const std::string file = daemon.folder.write("p.yaml", "text");
  CHECK(run_with(daemon, {"policy", "apply", file, "--timeout", "1x"}).status == 2);
  CHECK(run_with(daemon, {"policy", "apply", file, "--timeout", "20s"}).status == 0);
  daemon.locked()->load.guests = 3;
  CHECK(run_with(daemon, {"policy", "apply", file}).err.contains("generation 2 is in force for 3 guests"));
  daemon.locked()->loads_slowly = true;
  const Ran late = run_with(daemon, {"policy", "apply", file, "--timeout", "1s"});
  CHECK(late.status == 6);
  CHECK(late.err.contains("may come into force all the same"));
}
