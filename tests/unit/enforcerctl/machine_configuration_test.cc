// Which files are read, which of them is stronger, and what becomes of those that cannot be.
#include "enforcerctl/machine_configuration.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>

#include "../control/fake_daemon.h"
#include "../temporary_folder.h"

using namespace enforcer;
using namespace enforcer::ctl;

namespace {

using Targets = std::vector<std::string>;

struct FakeMachine {
  TemporaryFolder folder;
  std::map<std::string, std::string> variables;

  void write(const std::string& path, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(folder.file(path)).parent_path());
    folder.write(path, text);
  }
  [[nodiscard]] MachineFindings read(MachineTool tool) const {
    const MachinePlaces places{.root = folder.file(""),
                               .home = "/home/a",
                               .environment = [this](const char* name) -> std::optional<std::string> {
                                 const auto found = variables.find(name);
                                 return found == variables.end() ? std::nullopt : std::optional(found->second);
                               }};
    return read_machine(tool, places);
  }
};

}  // namespace

TEST_CASE("a_machine_without_configuration_names_nothing_and_warns_of_nothing") {
  const FakeMachine machine;
  for (const MachineTool tool :
       {MachineTool::kApt, MachineTool::kNpm, MachineTool::kPip, MachineTool::kCargo, MachineTool::kDocker}) {
    const auto found = machine.read(tool);
    CHECK(found.hosts().empty());
    CHECK(found.warnings().empty());
    CHECK(found.remarks().empty());
  }
}

TEST_CASE("apt_is_read_from_all_of_its_files") {
  const FakeMachine machine;
  machine.write("etc/apt/sources.list", "deb https://one.acme.example/ x main\n");
  machine.write("etc/apt/sources.list.d/a.list", "deb https://two.acme.example/ x main\n");
  machine.write("etc/apt/sources.list.d/b.sources", "Types: deb\nURIs: https://three.acme.example/\n");
  machine.write("etc/apt/sources.list.d/c.list.save", "deb https://saved.acme.example/ x main\n");
  machine.write("etc/apt/apt.conf.d/01proxy", "Acquire::http::Proxy \"http://proxy.acme.example:3142\";\n");
  const auto found = machine.read(MachineTool::kApt);
  CHECK(found.targets() == Targets{"one.acme.example", "three.acme.example", "two.acme.example"});
  CHECK(found.remarks().size() == 1);
  CHECK(found.files().size() == 3);
  CHECK(found.files()[0].ends_with("/etc/apt/sources.list.d/a.list:1"));
}

TEST_CASE("the_stronger_file_replaces_what_it_says_again_and_the_environment_is_strongest") {
  FakeMachine machine;
  machine.write("etc/npmrc", "registry=https://global.acme.example/\n@acme:registry=https://scope.acme.example/\n");
  CHECK(machine.read(MachineTool::kNpm).targets() == Targets{"global.acme.example", "scope.acme.example"});
  machine.write("home/a/.npmrc", "registry=https://user.acme.example/\n");
  CHECK(machine.read(MachineTool::kNpm).targets() == Targets{"scope.acme.example", "user.acme.example"});
  machine.write("etc/pip.conf", "[global]\nindex-url = https://global.acme.example/\n");
  machine.write("home/a/.config/pip/pip.conf", "[global]\nindex-url = https://user.acme.example/\n");
  CHECK(machine.read(MachineTool::kPip).targets() == Targets{"user.acme.example"});
  machine.variables["PIP_INDEX_URL"] = "https://u:hunter2@variable.acme.example/";
  machine.variables["PIP_EXTRA_INDEX_URL"] = "https://a.acme.example/ https://b.acme.example/";
  const auto found = machine.read(MachineTool::kPip);
  CHECK(found.targets() == Targets{"a.acme.example", "b.acme.example", "variable.acme.example"});
  CHECK(found.hosts()[0].place == "$PIP_INDEX_URL");
  CHECK_FALSE(found.remarks()[0].contains("hunter2"));
}

TEST_CASE("a_source_that_a_stronger_file_replaces_is_not_named") {
  FakeMachine machine;
  machine.write("home/a/.cargo/config.toml", "[source.m]\nregistry = \"sparse+https://m.acme.example/\"\n");
  CHECK(machine.read(MachineTool::kCargo).targets() == Targets{"m.acme.example"});
  machine.write("cargo/config.toml", "[source.m]\nreplace-with = \"n\"\n");
  machine.variables["CARGO_HOME"] = "/cargo";
  CHECK(machine.read(MachineTool::kCargo).targets().empty());
}

TEST_CASE("what_cannot_be_read_is_a_warning_and_the_rest_is_read") {
  const FakeMachine machine;
  machine.write("etc/apt/sources.list/is-a-folder", "");
  machine.write("etc/apt/sources.list.d/big.list", std::string((1 << 20) + 1, '#'));
  machine.write("etc/apt/sources.list.d/good.list", "deb https://good.acme.example/ x main\n");
  const auto found = machine.read(MachineTool::kApt);
  CHECK(found.targets() == Targets{"good.acme.example"});
  CHECK(found.warnings().size() == 2);
  machine.write("etc/docker/daemon.json", "{");
  machine.write("home/a/.docker/config.json", R"({"auths": {"r.acme.example": {}}})");
  const auto docker = machine.read(MachineTool::kDocker);
  CHECK(docker.targets() == Targets{"r.acme.example"});
  REQUIRE(docker.warnings().size() == 1);
  CHECK(docker.warnings()[0].contains("/etc/docker/daemon.json"));
}

TEST_CASE("below_a_root_nothing_is_asked_of_this_process") {
  CHECK_FALSE(machine_places("/srv/image").environment("HOME"));
  CHECK(machine_places("").environment("HOME") == std::optional<std::string>(getenv("HOME") ? getenv("HOME") : ""));
}
