// The verbs against a real control server.
#include <doctest/doctest.h>

#include "../temporary_folder.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

TEST_CASE("status_shows_a_running_daemon") {
  FakeDaemon daemon;
  const Ran table = run_with(daemon, {"status"});
  CHECK(table.status == 0);
  CHECK(table.out.contains("1.2.3, instance test, up 1h 1m"));
  CHECK(table.out.contains("generation 5, loaded 2023-11-14T22:13:20.000Z"));
  CHECK(table.out.contains("attached by tcx"));
  const Ran json = run_with(daemon, {"status", "-o", "json"});
  CHECK(json.status == 0);
  CHECK(json.out.contains("\"api_version\":\"v1\""));
  CHECK(std::ranges::count(json.out, '\n') == 1);
  CHECK(run_with(daemon, {"status", "--wait", "5s"}).status == 0);
  CHECK(run_with(daemon, {"version"}).out.contains("1.2.3"));
}

TEST_CASE("policy_check_finds_problems_without_a_daemon") {
  const TemporaryFolder folder;
  const std::string good = folder.write("good.yaml", kAgentPolicy);
  const std::string bad =
      folder.write("bad.yaml", "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: b}\nspec: {nope: 1}\n");
  CHECK(run({"policy", "check", good}).status == 0);
  const Ran found = run({"policy", "check", good, bad});
  CHECK(found.status == 3);
  CHECK(found.out.contains("bad.yaml:4:"));
  CHECK(found.out.contains("error[E0102]"));
  CHECK(found.err.contains("2 files checked"));
  const Ran json = run({"policy", "check", bad, "-o", "json"});
  CHECK(json.status == 3);
  CHECK(json.out.contains("\"valid\":false"));
  CHECK(json.out.contains("\"page\":\"policies/diagnostics.md#e0102\""));
  CHECK(run({"policy", "check", folder.file("none.yaml")}).status == 3);
}

TEST_CASE("policy_apply_and_reload_report_what_the_daemon_says") {
  FakeDaemon daemon;
  const std::string file = daemon.folder.write("p.yaml", "text");
  Ran ran = run_with(daemon, {"policy", "apply", file});
  CHECK(ran.status == 0);
  CHECK(ran.err.contains("generation 2 is in force"));
  CHECK(daemon.shared.calls_now() == std::vector<std::string>{"apply " + file + "=text"});
  CHECK(run_with(daemon, {"reload"}).status == 0);

  control::Problem problem;
  problem.severity = "error";
  problem.text = "p.yaml:1:1: error[E0101]: no";
  daemon.locked()->load = {.loaded = false, .generation = 2, .problems = {problem}};
  ran = run_with(daemon, {"reload"});
  CHECK(ran.status == 3);
  CHECK(ran.out == "p.yaml:1:1: error[E0101]: no\n");
  CHECK(ran.err.contains("nothing was changed"));

  daemon.locked()->error = Error{Errc::kConflict, "policy agent is also in /etc/enforcer/policies/agent.yaml"};
  ran = run_with(daemon, {"policy", "apply", file});
  CHECK(ran.status == 7);
  CHECK(ran.err.contains("is also in"));
  CHECK(ran.out.empty());
}

TEST_CASE("policy_list_shows_what_is_in_force") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"policy", "list"}).err.contains("everything is denied"));
  daemon.set_policy(kAgentPolicy);
  const Ran ran = run_with(daemon, {"policy", "list"});
  CHECK(ran.status == 0);
  CHECK(ran.out.contains("role=agent"));
  CHECK(run_with(daemon, {"policy", "list", "--no-headers"}).out.starts_with("Policy"));
}

TEST_CASE("explain_answers_the_same_online_and_offline") {
  FakeDaemon daemon;
  daemon.set_policy(kAgentPolicy);
  daemon.locked()->guests.push_back(guest_info("vm"));
  const std::string file = daemon.folder.write("test.yaml", kAgentPolicy);
  const Ran online = run_with(daemon, {"explain", "api.github.com:22", "--guest", "vm"});
  const Ran offline = run({"explain", "api.github.com:22", "--guest", "vm", "-l", "role=agent", "--policy", file});
  CHECK(online.status == 0);
  CHECK(offline.status == 0);
  CHECK(online.out.contains("decision  deny"));
  CHECK(online.out.contains("port"));
  CHECK(offline.out.contains("agent/api"));
  CHECK(offline.out.contains("STOPPED BY"));
  CHECK(run_with(daemon, {"explain", "api.github.com", "--guest", "vm", "--exit-code"}).status == 0);
  CHECK(run_with(daemon, {"explain", "wiki.acme.example", "--guest", "vm", "--exit-code"}).status == 3);
  CHECK(run_with(daemon, {"explain", "wiki.acme.example", "--guest", "nobody"}).status == 5);
  const Ran request = run({"explain", "GET", "https://api.github.com/x", "-l", "role=agent", "--policy", file});
  CHECK(request.out.contains("agent/api at " + file + ":7"));
  const std::string bad = daemon.folder.write("bad.yaml", "kind: [");
  CHECK(run({"explain", "a.example", "--policy", bad}).status == 3);
}

TEST_CASE("guests_are_created_listed_and_removed") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"guest", "list"}).err == "no guest\n");
  daemon.locked()->error = Error{Errc::kUnavailable, "enforcer-hostd is not connected"};
  CHECK(run_with(daemon, {"guest", "create", "vm"}).err == "enforcerctl: enforcer-hostd is not connected\n");
  daemon.locked()->error.reset();
  Ran ran = run_with(daemon, {"guest", "create", "vm", "-l", "role=agent", "--memory", "512", "--wait"});
  CHECK(ran.status == 0);
  CHECK(ran.out == "vm running 100.64.0.7\n");
  CHECK(run_with(daemon, {"guest", "attach", "box", "--netns", "/run/netns/box"}).status == 0);
  CHECK(run_with(daemon, {"guest", "attach", "b2", "--pid", "12"}).status == 0);
  ran = run_with(daemon, {"guest", "list"});
  CHECK(ran.out.contains("vm     running   -        -        0         0        0\n"));
  CHECK(run_with(daemon, {"guest", "detach", "vm"}).status == 7);
  CHECK(run_with(daemon, {"guest", "detach", "box"}).status == 0);
  CHECK(run_with(daemon, {"guest", "delete", "vm"}).status == 0);
  CHECK(run_with(daemon, {"guest", "delete", "vm"}).status == 5);
  const auto calls = daemon.shared.calls_now();
  CHECK(calls == std::vector<std::string>{"create vm mini 0", "create vm mini 512", "attach box /run/netns/box",
                                          "attach b2 /proc/12/ns/net", "delete box", "delete vm", "delete vm"});
}

TEST_CASE("guests_are_paused_and_resumed") {
  FakeDaemon daemon;
  daemon.locked()->guests = {control::testing::guest_info("vm")};
  Ran ran = run_with(daemon, {"guest", "pause", "vm", "--for", "2m"});
  CHECK(ran.status == 0);
  CHECK(ran.out == "vm paused 100.64.0.7\n");
  CHECK(run_with(daemon, {"guest", "list"}).out.contains("paused since 2023-11-14T22:13:20.000Z"));
  CHECK(run_with(daemon, {"guest", "list", "-o", "json"}).out.contains(R"("paused_since":"2023-11-14T22:13:20.000Z")"));
  CHECK(run_with(daemon, {"guest", "pause", "vm"}).status == 0);
  daemon.locked()->warning = "1 held requests keep it paused";
  ran = run_with(daemon, {"guest", "resume", "vm"});
  CHECK(ran.out == "vm running 100.64.0.7\n");
  CHECK(ran.err.contains("warning: 1 held requests keep it paused"));
  const Ran again = run_with(daemon, {"guest", "list"});
  CHECK(again.out.contains(" running "));
  CHECK_FALSE(again.out.contains("since"));
  for (const char* wrong : {"0s", "16m", "soon", "-5s"}) {
    CAPTURE(wrong);
    CHECK(run_with(daemon, {"guest", "pause", "vm", "--for", wrong}).status == 2);
  }
  CHECK(run_with(daemon, {"guest", "pause", "none"}).status == 5);
  CHECK(daemon.shared.calls_now() ==
        std::vector<std::string>{"pause vm 120", "pause vm 900", "resume vm", "pause none 900"});
}

TEST_CASE("log_knows_the_reasons_there_are") {
  FakeDaemon daemon;
  std::ofstream log(daemon.shared.audit_path);
  const auto write = [&](const std::string& rest) {
    log << R"({"schema_version":1,"seq":1,"time":"2025-01-31T12:00:00.000000Z",)" << rest << "}\n" << std::flush;
  };
  write(R"("type":"decision","decision_id":"01","guest":"a","decision":"deny","reason":"name","host":"a.test")");
  write(R"("type":"decision","decision_id":"02","guest":"a","decision":"deny","reason":"port","host":"b.test")");
  write(R"("type":"review","guest":"a","change":"asked","host":"c.test","review_id":"7f")");
  const Ran named = run_with(daemon, {"log", "--reason", "port"});
  CHECK(named.status == 0);
  CHECK(named.out.contains("b.test"));
  CHECK_FALSE(named.out.contains("a.test"));
  CHECK_FALSE(named.out.contains("c.test"));
  const Ran reviews = run_with(daemon, {"log", "--type", "review"});
  CHECK(reviews.out.contains("c.test"));
  CHECK_FALSE(reviews.out.contains("b.test"));
  const Ran misspelt = run_with(daemon, {"log", "--reason", "prot"});
  CHECK(misspelt.status == 2);
  CHECK(misspelt.err.starts_with("enforcerctl: --reason: 'prot' is none of them; did you mean 'port'?\n"));
}

TEST_CASE("labels_of_a_guest_are_changed_by_words") {
  FakeDaemon daemon;
  daemon.locked()->guests = {control::testing::guest_info("vm")};
  Ran ran = run_with(daemon, {"guest", "label", "vm", "team=x", "dash-=1", "role-"});
  CHECK(ran.status == 0);
  CHECK(ran.out == "vm: dash-=1,team=x; no policy selects it: everything is denied\n");
  daemon.locked()->guests.front().policies = {"web", "work"};
  CHECK(run_with(daemon, {"guest", "label", "vm", "team=a b", "dash--"}).out == "vm: team=a b; web,work\n");
  CHECK(run_with(daemon, {"guest", "label", "vm", "team-"}).out == "vm: no labels; web,work\n");
  CHECK(run_with(daemon, {"guest", "label", "vm", "a=1", "-o", "json"}).out.contains(R"("labels":{"a":"1"})"));
  CHECK(run_with(daemon, {"guest", "label", "none", "a=1"}).status == 5);
  CHECK(daemon.shared.calls_now() ==
        std::vector<std::string>{
            R"(label vm {"remove":["role"],"set":{"dash-":"1","team":"x"}})",
            R"(label vm {"remove":["dash-"],"set":{"team":"a b"}})", R"(label vm {"remove":["team"],"set":{}})",
            R"(label vm {"remove":[],"set":{"a":"1"}})", R"(label none {"remove":[],"set":{"a":"1"}})"});
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{},
                                                {"team"},
                                                {"=x"},
                                                {"-"},
                                                {"a=1", "a=2"},
                                                {"a=1", "a-"},
                                                {"a-", "a-"},
                                                {"a=1,b=2"}}) {
    std::vector<std::string> words{"guest", "label", "vm"};
    words.insert(words.end(), wrong.begin(), wrong.end());
    CAPTURE(words.back());
    CHECK(run_with(daemon, words).status == 2);
  }
  CHECK(run_with(daemon, {"guest", "label", "VM", "a=1"}).status == 2);
}

TEST_CASE("ca_of_a_guest_is_shown_and_exported") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"ca", "show", "vm"}).status == 5);
  CHECK(run_with(daemon, {"ca", "show", "VM"}).status == 2);
  daemon.locked()->guests.push_back(guest_info("vm"));
  const Ran none = run_with(daemon, {"ca", "export", "vm"});
  CHECK(none.status == 1);
  CHECK(none.out.empty());
  CHECK(none.err == "enforcerctl: the guest has no CA\n");

  daemon.locked()->authority = authority_info();
  const Ran table = run_with(daemon, {"ca", "show", "vm"});
  CHECK(table.status == 0);
  CHECK(table.out.starts_with("SUBJECT"));
  for (const char* cell : {"CN=Enforcer test", "2023-11-14T22:13:20.000Z", "2027-01-15T08:00:00.000Z", "AB:CD"}) {
    CHECK(table.out.contains(cell));
  }
  const Ran json = run_with(daemon, {"ca", "show", "vm", "-o", "json"});
  CHECK(json.out.contains(R"("fingerprint_sha256":"AB:CD")"));
  CHECK(std::ranges::count(json.out, '\n') == 1);
  CHECK(run_with(daemon, {"ca", "export", "vm"}).out == authority_info().pem);
  CHECK(run_with(daemon, {"ca", "export", "vm", "-o", "json"}).out == authority_info().pem);
}

TEST_CASE("environment_of_a_guest_is_printed_for_a_shell") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"guest", "environment", "vm"}).status == 5);
  CHECK(run_with(daemon, {"guest", "environment", "VM"}).status == 2);
  daemon.locked()->guests.push_back(guest_info("vm"));
  const Ran none = run_with(daemon, {"guest", "environment", "vm"});
  CHECK(none.status == 0);
  CHECK(none.out.empty());
  CHECK(none.err == "no credential of its policies has a placeholder\n");

  daemon.locked()->environment = {{"A", "ghp_enforcer-x2"}, {"B", "it's $HOME"}, {"C", ""}, {"D", "\x1b[2J"}};
  const Ran lines = run_with(daemon, {"guest", "environment", "vm"});
  CHECK(lines.status == 0);
  CHECK(lines.out == "A=ghp_enforcer-x2\nB='it'\\''s $HOME'\nC=''\nD='\\x1b[2J'\n");
  CHECK(lines.err.empty());
  daemon.locked()->environment.erase("D");
  const std::string file = daemon.folder.write("env", run_with(daemon, {"guest", "environment", "vm"}).out);
  const std::string command = "sh -c '. " + file + "; test \"$B\" = \"it'\\''s \\$HOME\" && test -z \"${C-x}\"'";
  CHECK(std::system(command.c_str()) == 0);
  CHECK(run_with(daemon, {"guest", "environment", "vm", "-o", "json"}).out.contains(R"({"A":"ghp_enforcer-x2",)"));
}

TEST_CASE("log_shows_a_table_or_the_records_themselves") {
  FakeDaemon daemon;
  const std::string deny =
      R"({"schema_version":1,"seq":1,"time":"2025-01-31T12:00:00.000000Z","type":"decision","decision_id":"01","guest":"a","layer":"dns","decision":"deny","reason":"dns_name","host":"x.example"})";
  const std::string end =
      R"({"schema_version":1,"seq":2,"time":"2025-01-31T12:00:00.000000Z","type":"end","decision_id":"01","guest":"a","layer":"dns","outcome":"completed"})";
  std::ofstream(daemon.shared.audit_path) << deny << "\n" << end << "\n";
  const Ran table = run_with(daemon, {"log"});
  CHECK(table.status == 0);
  CHECK(table.out.starts_with("TIME"));
  CHECK(table.out.contains("x.example"));
  CHECK(std::ranges::count(table.out, '\n') == 2);
  CHECK(run_with(daemon, {"log", "-o", "jsonl"}).out == deny + "\n" + end + "\n");
  CHECK(run_with(daemon, {"log", "-o", "json", "--last", "1"}).out == end + "\n");
  CHECK(run_with(daemon, {"log", "--no-headers", "--last", "1"}).out.contains("dns_name"));
  CHECK(run_with(daemon, {"log", "--no-headers", "--guest", "b"}).out.empty());
  CHECK(run_with(daemon, {"log", "--no-headers", "--since", "5m"}).out.empty());
  // Refused before anybody is asked, and without the first line of a table that does not come.
  for (const auto& [option, value] : std::vector<std::pair<std::string, std::string>>{
           {"--decision", "maybe"}, {"--layer", "l5"}, {"--rule", "wiki"}, {"--guest", "No"}, {"--since", "soon"}}) {
    CAPTURE(option);
    const Ran refused = run_with(daemon, {"log", option, value});
    CHECK(refused.status == 2);
    CHECK(refused.out.empty());
  }
  daemon.stop();
  CHECK(run_with(daemon, {"log"}).out.empty());
}

TEST_CASE("a_refused_caller_gets_exit_code_4") {
  if (geteuid() != 0) {
    MESSAGE("skipped: needs root");
    return;
  }
  FakeDaemon daemon;
  Ran ran;
  as_user(4'200'000, 4'200'000, {}, [&] { ran = run_with(daemon, {"status"}); });
  CHECK(ran.status == 4);
  CHECK(ran.err.contains("not permitted for uid 4200000"));
  as_user(4'200'000, 4'200'000, {kViewerGroup}, [&] { ran = run_with(daemon, {"reload"}); });
  CHECK(ran.status == 4);
  CHECK(ran.err.contains("enforcer-admin"));
}

TEST_CASE("policy_suggest_and_replay_read_the_log_of_the_daemon_or_its_files") {
  FakeDaemon daemon;
  const std::string record =
      R"({"schema_version":1,"seq":1,"time":"2999-01-31T12:00:00.000000Z","type":"decision","decision_id":"01jk",)"
      R"("guest":"g1","epoch":"00000000000000aa","labels":{"role":"agent"},"layer":"tls","decision":"allow",)"
      R"("reason":"rule","host":"ok.test","port":443})";
  const std::string log = daemon.folder.write("audit.jsonl", record + "\n");
  daemon.locked()->audit_path = log;
  const Ran online = run_with(daemon, {"policy", "suggest", "--guest", "g1"});
  CHECK(online.status == 0);
  CHECK(online.out.contains("to: [\"ok.test\"]"));
  CHECK(run({"policy", "suggest", "--guest", "g1", "--audit", log}).out == online.out);
  CHECK(run({"policy", "suggest", "-l", "role=agent", "--audit", log})
            .out.contains("matchLabels: {\"role\": \"agent\"}"));
  CHECK(run({"policy", "suggest", "--guest", "g2", "--audit", log}).status == 5);
  CHECK(run({"policy", "suggest", "--audit", log}).status == 2);
  CHECK(run({"policy", "suggest", "--guest", "g1", "--audit", log, "--name", "A b"}).status == 2);
  CHECK(run({"policy", "suggest", "--guest", "g1", "--audit", daemon.folder.file("none")}).status == 5);

  const std::string file = daemon.folder.write("suggested.yaml", online.out);
  CHECK(run({"policy", "check", file}).status == 0);
  const Ran same = run_with(daemon, {"policy", "replay", "--policy", file});
  CHECK(same.status == 0);
  CHECK(same.out.empty());
  CHECK(same.err.contains("1 decisions asked again: 1 the same, 0 changed, 0 unknown"));
  const std::string other = daemon.folder.write("other.yaml", kAgentPolicy);
  const Ran changed = run({"policy", "replay", "--policy", other, "--audit", log});
  CHECK(changed.status == 3);
  CHECK(changed.out.contains("ok.test:443"));
  const Ran json = run({"policy", "replay", "--policy", other, "--audit", log, "-o", "json"});
  CHECK(json.out.contains("\"changed\":1"));
  CHECK(json.out.contains("\"was\":\"allow\""));
  CHECK(json.out.contains("\"would_be\":\"deny\""));
  CHECK(run({"policy", "replay", "--policy", other, "--audit", log, "-o", "jsonl"}).out.starts_with("{\"count\":1"));
  const std::string broken = daemon.folder.write("broken.yaml", "kind: Nothing\n");
  CHECK(run({"policy", "replay", "--policy", broken, "--audit", log}).status == 3);
  CHECK(run({"policy", "replay", "--audit", log}).status == 2);
}
