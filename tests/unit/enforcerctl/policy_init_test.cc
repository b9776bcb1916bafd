// policy init and the preset verbs, by the whole tool: what is written loads, its tests pass, nothing is guessed and no
// password gets out.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "../control/fake_daemon.h"
#include "../temporary_folder.h"
#include "captured_terminal.h"

using namespace enforcer;
using namespace enforcer::ctl::testing;

namespace {

const std::string kShippedPresets = ENFORCER_SOURCE_DIR "/policies/presets";

/// A machine with these files and nothing else.
class MachineFolder {
 public:
  void write(const std::string& path, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(folder_.file(path)).parent_path());
    folder_.write(path, text);
  }
  [[nodiscard]] Ran init(std::vector<std::string> more) const {
    more.insert(more.begin(), {"policy", "init", "--root", kShippedPresets, "--machine-root", folder_.file("")});
    return run(more);
  }
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

/// Fails unless the policy loads without a warning, passes its tests and is laid out as fmt would.
void prove_policy(const TemporaryFolder& folder, const std::string& text) {
  const std::string file = folder.write("proved.yaml", text);
  const Ran checked = run({"policy", "check", file});
  CHECK_MESSAGE(checked.status == 0, checked.out);
  CHECK(checked.out == "");
  const Ran tested = run({"policy", "test", file});
  CHECK_MESSAGE(tested.status == 0, tested.err);
  CHECK(run({"policy", "fmt", "--check", file}).status == 0);
}

/// The rules that none of the tests of what was proved last reaches, as `policy test` lists them.
std::string unreached_rules(const TemporaryFolder& folder) {
  const std::string out = run({"policy", "test", folder.file("proved.yaml"), "--coverage"}).out;
  const auto list = out.find("RULE WITHOUT A TEST");
  return list == std::string::npos ? "" : out.substr(list);
}

int explained(const TemporaryFolder& folder, const std::string& what) {
  return run({"explain", what, "--policy", folder.file("proved.yaml"), "-l", "role=agent", "--exit-code"}).status;
}

}  // namespace

TEST_CASE("a_locked_policy_opens_nothing_and_names_what_could_be_opened") {
  const MachineFolder machine;
  machine.write("etc/npmrc", "registry=https://npm.acme.example/\n");
  const Ran ran = machine.init({"--start", "locked"});
  REQUIRE_MESSAGE(ran.status == 0, ran.err);
  prove_policy(machine.folder(), ran.out);
  CHECK(ran.out.contains("  allow: []\n"));
  CHECK(ran.out.contains("#     enforcerctl preset show npm --set 'hosts=...'\n"));
  CHECK_FALSE(ran.out.contains("npm.acme.example"));
  CHECK(explained(machine.folder(), "https://github.com/acme/w") == 3);
}

TEST_CASE("a_locked_policy_opens_what_it_is_told_to") {
  const MachineFolder machine;
  const Ran ran = machine.init({"--start", "locked", "--preset", "model-anthropic", "--preset",
                                "git-github:repos=acme/*;refs=refs/heads/bot/**", "--name", "bots", "-l", "role=agent",
                                "-l", "team=x"});
  REQUIRE_MESSAGE(ran.status == 0, ran.err);
  prove_policy(machine.folder(), ran.out);
  CHECK(ran.out.contains("metadata: {name: \"bots\"}"));
  CHECK(ran.out.contains("{\"role\": \"agent\", \"team\": \"x\"}"));
  CHECK(ran.out.contains("refs: [\"refs/heads/bot/**\"]"));
  CHECK_FALSE(ran.out.contains("preset show model-anthropic"));
  CHECK(unreached_rules(machine.folder()).empty());
}

TEST_CASE("a_balanced_policy_opens_the_registries_of_this_machine_and_no_others") {
  const MachineFolder machine;
  machine.write("etc/apt/sources.list", "deb http://apt.acme.example/debian bookworm main\n");
  machine.write(
      "root/.npmrc",
      "registry=https://user:hunter2@nexus.acme.example/npm/\n//nexus.acme.example/npm/:_authToken=hunter2\n");
  machine.write("etc/pip.conf", "[global]\nindex-url = https://nexus.acme.example/pip/simple\n");
  const Ran ran = machine.init({"--start", "balanced"});
  REQUIRE_MESSAGE(ran.status == 0, ran.err);
  prove_policy(machine.folder(), ran.out);
  CHECK_FALSE((ran.out + ran.err).contains("hunter2"));
  CHECK(ran.out.contains("make a Credential"));
  CHECK(ran.out.contains("hosts from "));
  CHECK(ran.out.contains("to: [\"apt.acme.example:80\"]"));
  CHECK(
      ran.out.contains("#   cargo: Download crates for cargo (no configuration of cargo on this machine names a "
                       "registry)\n#     enforcerctl preset show cargo --set 'hosts=...'\n"));
  CHECK_FALSE(ran.out.contains("name: cargo"));
  // Both are asked at one host, so one of them answers for the other.
  CHECK(unreached_rules(machine.folder()).contains("first/pip"));
  CHECK(explained(machine.folder(), "GET http://apt.acme.example/debian/x") == 0);
  CHECK(explained(machine.folder(), "GET https://nexus.acme.example/npm/w") == 0);
  CHECK(explained(machine.folder(), "PUT https://nexus.acme.example/npm/w") == 3);
  CHECK(explained(machine.folder(), "POST https://api.anthropic.com/v1/messages") == 0);
  CHECK(explained(machine.folder(), "GET https://other.acme.example/") == 3);
  CHECK(explained(machine.folder(), "DELETE https://api.github.com/repos/acme/w") == 3);  // held, not allowed
}

TEST_CASE("a_balanced_policy_of_a_machine_without_configuration_invents_no_host") {
  const MachineFolder machine;
  const Ran ran = machine.init({"--start", "balanced"});
  REQUIRE_MESSAGE(ran.status == 0, ran.err);
  prove_policy(machine.folder(), ran.out);
  CHECK(ran.err.empty());
  CHECK(unreached_rules(machine.folder()).empty());
  for (const char* name : {"apt", "npm", "pip", "cargo", "docker-registry"}) {
    CHECK_FALSE(ran.out.contains(std::string("    - name: ") + name + "\n"));
    CHECK(ran.out.contains(std::string("enforcerctl preset show ") + name + " --set 'hosts=...'"));
  }
}

TEST_CASE("a_file_that_makes_no_sense_is_a_warning_with_its_place_and_is_skipped") {
  const MachineFolder machine;
  machine.write("etc/apt/sources.list", "deb https://apt.acme.example/ x main\nnonsense hunter2\n");
  machine.write("etc/docker/daemon.json", "{\"registry-mirrors\": hunter2");
  const Ran ran = machine.init({"--start", "balanced"});
  REQUIRE_MESSAGE(ran.status == 0, ran.err);
  prove_policy(machine.folder(), ran.out);
  CHECK(ran.err.contains("/etc/apt/sources.list:2: "));
  CHECK(ran.err.contains("/etc/docker/daemon.json: "));
  CHECK_FALSE((ran.out + ran.err).contains("hunter2"));
  CHECK(ran.out.contains("to: [apt.acme.example]"));
}

TEST_CASE("values_that_are_given_are_stronger_than_the_machines_and_missing_ones_are_an_error") {
  const MachineFolder machine;
  const Ran without = machine.init({"--start", "locked", "--preset", "npm"});
  CHECK(without.status == 2);
  CHECK(without.err.contains("no configuration of npm on this machine names any"));
  CHECK(without.out.empty());
  machine.write("etc/npmrc", "registry=https://npm.acme.example/\n");
  const Ran filled = machine.init({"--start", "locked", "--preset", "npm"});
  REQUIRE_MESSAGE(filled.status == 0, filled.err);
  CHECK(filled.out.contains("to: [npm.acme.example]"));
  const Ran given =
      machine.init({"--start", "balanced", "--preset", "npm:hosts=other.acme.example,b.acme.example:8443"});
  REQUIRE_MESSAGE(given.status == 0, given.err);
  prove_policy(machine.folder(), given.out);
  CHECK(given.out.contains("to: [other.acme.example, \"b.acme.example:8443\"]"));
  CHECK_FALSE(given.out.contains("npm.acme.example"));
}

TEST_CASE("policy_init_refuses_what_it_cannot_do") {
  const MachineFolder machine;
  CHECK(run({"policy", "init"}).status == 2);
  CHECK(machine.init({"--start", "open"}).status == 2);
  CHECK(machine.init({"--start", "locked", "--name", "No Name"}).status == 2);
  CHECK(machine.init({"--start", "locked", "-l", "x"}).status == 2);
  CHECK(machine.init({"--start", "locked", "--preset", ":hosts=a"}).status == 2);
  CHECK(machine.init({"--start", "locked", "--preset", "npm:hosts"}).status == 2);
  const Ran unknown = machine.init({"--start", "locked", "--preset", "nmp"});
  CHECK(unknown.status == 5);
  CHECK(unknown.err.contains("did you mean 'npm'"));
  CHECK(machine.init({"--start", "locked", "--preset", "npm:hosts=A"}).status == 2);
  CHECK(machine.init({"--start", "locked", "--preset", "npm:host=a.acme.example"}).status == 2);
  CHECK(machine.init({"--start", "locked", "--preset", "model-openai", "--preset", "model-openai"}).status == 2);
}

TEST_CASE("policy_init_writes_a_file_and_never_over_one") {
  const MachineFolder machine;
  const std::string file = machine.folder().file("agent.yaml");
  const Ran ran = machine.init({"--start", "locked", "--file", file});
  CHECK(ran.status == 0);
  CHECK(ran.out.empty());
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  CHECK(text == machine.init({"--start", "locked"}).out);
  const Ran again = machine.init({"--start", "balanced", "--file", file});
  CHECK(again.status == 7);
  std::ifstream unchanged(file);
  CHECK(text == std::string{std::istreambuf_iterator<char>(unchanged), {}});
}

TEST_CASE("preset_list_names_them_for_people_programs_and_shells") {
  const Ran table = run({"preset", "list", "--root", kShippedPresets});
  CHECK(table.status == 0);
  CHECK(table.out.contains("git-github "));
  CHECK(table.out.contains("repos, refs?"));
  const Ran names = run({"preset", "list", "--root", kShippedPresets, "-o", "name"});
  CHECK(names.out.starts_with("apt\naws-destructive\n"));
  const auto json = nlohmann::json::parse(run({"preset", "list", "--root", kShippedPresets, "-o", "json"}).out);
  CHECK(json["api_version"] == "v1");
  CHECK(json["presets"][0]["name"] == "apt");
  CHECK(json["presets"][0]["parameters"][0]["machine"] == "apt");
  CHECK(json["presets"][0]["parameters"][0]["required"] == true);
  CHECK(run({"preset", "list", "--root", "/nowhere"}).status == 5);
}

TEST_CASE("preset_show_prints_rules_with_what_they_expose") {
  const Ran example = run({"preset", "show", "npm", "--root", kShippedPresets});
  CHECK(example.status == 0);
  CHECK(example.out.contains("# exposes: Whoever can publish"));
  CHECK(example.out.contains("an example; give yours with --set hosts=..."));
  const Ran given = run({"preset", "show", "git-gitlab", "--root", kShippedPresets, "--set", "hosts=g.acme.example",
                         "--set", "repos=a/b,c/*;refs=refs/heads/x"});
  REQUIRE_MESSAGE(given.status == 0, given.err);
  CHECK(given.out.contains("repos: [a/b, \"c/*\"]"));
  CHECK_FALSE(given.out.contains("an example"));
  const auto json = nlohmann::json::parse(run({"preset", "show", "npm", "--root", kShippedPresets, "-o", "json"}).out);
  CHECK(json["values"]["hosts"][0] == "npm.acme.example");
  CHECK(json["yaml"].get<std::string>().starts_with("spec:\n  allow:\n    - name: npm\n"));
  CHECK(run({"preset", "show", "nmp", "--root", kShippedPresets}).status == 5);
  CHECK(run({"preset", "show", "npm", "--root", kShippedPresets, "--set", "hosts"}).status == 2);
  CHECK(run({"preset", "show", "npm", "--root", kShippedPresets, "--set", "hosts=a", "--set", "hosts=b"}).status == 2);
  CHECK(run({"preset", "show", "npm", "--root", kShippedPresets, "--set", "hosts=10.0.0.1"}).status == 2);
}
