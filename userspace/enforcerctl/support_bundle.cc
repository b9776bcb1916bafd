#include "enforcerctl/support_bundle.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/files.h"
#include "config/config.h"
#include "config/masking.h"
#include "enforcerctl/verbs.h"
#include "net/socket.h"
#include "policy/loader.h"

namespace enforcer::ctl {
namespace {

namespace files = std::filesystem;

constexpr auto kMetricsPatience = std::chrono::seconds(5);
constexpr std::size_t kMostMetrics = std::size_t{16} << 20;
constexpr std::size_t kMostFact = std::size_t{64} << 10;

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

/// GET /metrics of the daemon's own listener.
Result<std::string> fetch_metrics(const Endpoint& listener) {
  const Deadline deadline = Deadline::after(kMetricsPatience);
  const auto wait_for = [&](int socket, short events) -> Result<> {
    pollfd entry{.fd = socket, .events = events, .revents = 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining());
    if (poll(&entry, 1, static_cast<int>(left.count())) > 0) return {};
    return fail(Errc::kTimeout, fmt::format("{} does not answer", listener.to_string()));
  };
  const Fd socket = TRY(net::start_connect(listener));
  TRY_VOID(wait_for(socket.get(), POLLOUT));
  TRY_VOID(net::finish_connect(socket.get()));
  constexpr std::string_view kRequest = "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
  if (send(socket.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kRequest.size())) {
    return fail_errno("the metrics listener");
  }
  std::string answer;
  std::array<char, 16 * 1024> buffer;
  while (answer.size() < kMostMetrics) {
    TRY_VOID(wait_for(socket.get(), POLLIN));
    const ssize_t size = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) return fail_errno("the metrics listener");
    if (size == 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return answer;
}

std::string system_facts() {
  utsname system{};
  uname(&system);
  std::string text = fmt::format("{} {} {} {}\n", system.sysname, system.release, system.version, system.machine);
  for (const std::string path : {"/etc/os-release", "/proc/meminfo", "/proc/loadavg", "/proc/uptime",
                                 "/proc/pressure/memory", "/sys/kernel/security/lsm",
                                 "/proc/sys/kernel/unprivileged_bpf_disabled", "/proc/sys/net/core/bpf_jit_enable"}) {
    const auto content = read_file(path, kMostFact, LastLink::kFollow);
    text += fmt::format("\n# {}\n{}", path, content ? *content : content.error().message + "\n");
  }
  return text;
}

/// What the service manager knows. Only these properties: an environment may hold anything.
std::string unit_states() {
  constexpr auto kCommand =
      "systemctl show --no-pager --property=Id,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,"
      "ActiveEnterTimestamp,MemoryCurrent,TasksCurrent enforcerd.service enforcer-hostd.service 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(kCommand, "re"), pclose);
  if (!pipe) return "systemctl cannot be run\n";
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t size = fread(buffer.data(), 1, buffer.size(), pipe.get())) text.append(buffer.data(), size);
  return printable_lines(text);
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
  const auto metrics = fetch_metrics(config.metrics.listen);
  bundle.push_back({"metrics.txt", metrics ? *metrics : metrics.error().message + "\n"});
  bundle.push_back({"system.txt", system_facts()});
  bundle.push_back({"units.txt", unit_states()});
  return bundle;
}

}  // namespace enforcer::ctl
