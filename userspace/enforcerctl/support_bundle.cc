#include "enforcerctl/support_bundle.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "config/config.h"
#include "config/masking.h"
#include "enforcerctl/daemon_metrics.h"
#include "enforcerctl/host_facts.h"
#include "enforcerctl/verbs.h"
#include "policy/loader.h"

namespace enforcer::ctl {
namespace {

namespace files = std::filesystem;

/// Remembers what a verb says.
class BundleTerminal : public Terminal {
 public:
  void out(std::string_view text) override { said += text; }
  void err(std::string_view text) override { talked += text; }
  [[nodiscard]] bool watched() const override { return false; }
  [[nodiscard]] bool coloured() const override { return false; }
  [[nodiscard]] std::size_t width() const override { return 200; }

  std::string said;
  std::string talked;
};

/// What the verb says, under that name; where it failed, what it said about that is NAME.err, so that JSON stays JSON.
void add_verb_answer(std::vector<ArchiveFile>& bundle, const Tool& tool, const std::string& name,
                     const std::vector<std::string>& words) {
  std::vector<std::string> arguments;
  if (!tool.common.socket.empty()) arguments.insert(arguments.end(), {"--socket", tool.common.socket});
  if (!tool.common.instance.empty()) arguments.insert(arguments.end(), {"--instance", tool.common.instance});
  if (tool.common.config) arguments.insert(arguments.end(), {"--config", *tool.common.config});
  arguments.insert(arguments.end(), words.begin(), words.end());
  BundleTerminal terminal;
  const int status = run_tool(arguments, terminal);
  if (status == 0 || !terminal.said.empty()) bundle.push_back({name, std::move(terminal.said)});
  if (status != 0) bundle.push_back({name + ".err", fmt::format("{}exit code {}\n", terminal.talked, status)});
}

/// The files that `paths` name, masked; under numbers, because the names are the administrator's.
void add_configuration(std::vector<ArchiveFile>& bundle, std::string_view kind, const std::vector<std::string>& paths) {
  // As the daemon reads them: root packs this, and what the daemon refuses for its owner or as a link is not theirs to
  // give.
  const auto sources = policy::read_sources(paths);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto& source = sources[i];
    const std::string name = printable_lines(config::masked_value(source.name));
    if (source.refusal) {
      bundle.push_back(
          {fmt::format("{}/{}.error.txt", kind, i + 1), fmt::format("{}: {}\n", name, source.refusal->message)});
      continue;
    }
    bundle.push_back(
        {fmt::format("{}/{}.yaml", kind, i + 1), fmt::format("# {}\n{}", name, config::masked_yaml(source.text))});
  }
}

}  // namespace

std::vector<ArchiveFile> collect_bundle(const Tool& tool, unsigned records) {
  const std::pair<const char*, std::vector<std::string>> verbs[] = {
      {"version.json", {"version", "-o", "json"}},
      {"status.json", {"status", "-o", "json"}},
      {"doctor.txt", {"doctor"}},
      {"guests.json", {"guest", "list", "-o", "json"}},
      {"policies.json", {"policy", "list", "-o", "json"}},
      {"credentials.json", {"credential", "list", "-o", "json"}},
      {"images.json", {"image", "list", "-o", "json"}},
      {"audit.jsonl", {"log", "--last", std::to_string(records), "-o", "jsonl"}},
  };
  std::vector<ArchiveFile> bundle;
  for (const auto& [name, words] : verbs) add_verb_answer(bundle, tool, name, words);
  const auto loaded = config::load_config(tool.common.config);
  std::string problems;
  for (const auto& diagnostic : loaded.diagnostics) problems += printable_lines(diagnostic.to_string()) + "\n";
  bundle.push_back({"config/problems.txt", problems.empty() ? "none\n" : problems});
  const std::string path = tool.common.config.value_or(config::kDefaultPath);
  if (std::error_code ignored; tool.common.config || files::exists(path, ignored)) {
    add_configuration(bundle, "config", {path});
  }
  const config::Config config = loaded.config ? *loaded.config : config::Config();
  add_configuration(bundle, "policies", config.policies);
  add_configuration(bundle, "credential-specs", config.credentials);
  const auto metrics = daemon_metrics(config.metrics.listen);
  bundle.push_back({"metrics.txt", metrics ? *metrics : metrics.error().message + "\n"});
  bundle.push_back({"system.txt", system_facts()});
  bundle.push_back({"units.txt", unit_states()});
  return bundle;
}

}  // namespace enforcer::ctl
