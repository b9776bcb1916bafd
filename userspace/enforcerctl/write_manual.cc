// write_manual FOLDER: runs when Enforcer is built and writes into FOLDER what is installed beside the programs: their
// manual pages, and the completion scripts under the names that the shells look for.
#include <fmt/format.h>

#include <cstdio>

#include "base/files.h"
#include "enforcerctl/completion.h"
#include "enforcerctl/manual.h"

int main(int argc, char** argv) {
  using namespace enforcer;
  if (argc != 2) {
    fmt::print(stderr, "usage: write_manual FOLDER\n");
    return 2;
  }
  const ctl::Verb root = ctl::verb_tree();
  const std::pair<const char*, std::string> files[] = {
      {"enforcerctl.1", ctl::tool_page(root)},
      {"enforcerd.8", ctl::daemon_page(config::enforcerd_text())},
      {"enforcer-hostd.8", ctl::daemon_page(config::hostd_text())},
      {"enforcerctl.bash", ctl::bash_completion(root)},
      {"_enforcerctl", ctl::zsh_completion(root)},
      {"enforcerctl.fish", ctl::fish_completion(root)},
  };
  for (const auto& [name, text] : files) {
    const auto written = write_atomically(fmt::format("{}/{}", argv[1], name), text, 0644, Survives::kProgram);
    if (!written) {
      fmt::print(stderr, "write_manual: {}\n", written.error().message);
      return 1;
    }
  }
  return 0;
}
