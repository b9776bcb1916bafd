// support-bundle: what is in it when nothing works, and the archive.
#include "enforcerctl/support_bundle.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "../temporary_folder.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::ctl;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

namespace {

std::map<std::string, std::string> bundle_of(const std::string& socket, const std::string& config) {
  CapturedTerminal terminal;
  Tool tool(terminal);
  tool.common.socket = socket;
  tool.common.config = config;
  std::map<std::string, std::string> found;
  for (const ArchiveFile& file : collect_bundle(tool, 10)) found[file.name] = file.text;
  return found;
}

}  // namespace

TEST_CASE("what_a_verb_says_about_its_failure_is_beside_its_answer") {
  const TemporaryFolder folder;
  const std::string config =
      folder.write("enforcer.yaml", fmt::format("images: {{roots: [{}]}}\n", folder.file("images")));
  const auto down = bundle_of("/nonexistent/s", config);
  CHECK(down.at("status.json") == "{\"api_version\":\"v1\",\"running\":false}\n");
  CHECK(down.at("status.json.err").contains("is enforcerd running?"));
  CHECK(down.at("status.json.err").ends_with("exit code 3\n"));
  CHECK_FALSE(down.contains("guests.json"));  // it would be no JSON
  CHECK(down.at("guests.json.err").ends_with("exit code 1\n"));
  CHECK_FALSE(down.contains("version.json.err"));

  const FakeDaemon daemon;
  const auto up = bundle_of(daemon.socket(), config);
  CHECK_FALSE(up.contains("guests.json.err"));
  CHECK(up.contains("guests.json"));
  for (const auto& bundle : {down, up}) {
    for (const auto& [name, text] : bundle) {
      CAPTURE(name);
      if (name.ends_with(".json")) CHECK_FALSE(nlohmann::json::parse(text, nullptr, false).is_discarded());
    }
  }
}

TEST_CASE("an_archive_holds_its_files_in_one_folder") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.tar.gz");
  const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(write_archive({{"a.txt", "one\n"}, {"sub/b.txt", "two\n"}}, "top", file).has_value());
  REQUIRE(std::system(("tar -xzf " + path + " -C " + folder.file("")).c_str()) == 0);
  const auto content = [&](std::string_view name) {
    std::ifstream stream(folder.file(name));
    return std::string{std::istreambuf_iterator<char>(stream), {}};
  };
  CHECK(content("top/a.txt") == "one\n");
  CHECK(content("top/sub/b.txt") == "two\n");
  const Fd not_writable(open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(write_archive({{"a", ""}}, "top", not_writable).error().code == Errc::kIo);
}
