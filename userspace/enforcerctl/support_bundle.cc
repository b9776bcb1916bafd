#include "enforcerctl/support_bundle.h"

#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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

/// Remembers what a verb says, on both streams, as a person would have seen it.
class BundleTerminal : public Terminal {
 public:
  void out(std::string_view said) override { text += said; }
  void err(std::string_view said) override { text += said; }
  [[nodiscard]] bool watched() const override { return false; }
  [[nodiscard]] bool coloured() const override { return false; }
  [[nodiscard]] std::size_t width() const override { return 200; }

  std::string text;
};

BundleFile from_verb(const Tool& tool, std::string name, const std::vector<std::string>& words) {
  std::vector<std::string> arguments;
  if (!tool.common.socket.empty()) arguments.insert(arguments.end(), {"--socket", tool.common.socket});
  if (!tool.common.instance.empty()) arguments.insert(arguments.end(), {"--instance", tool.common.instance});
  if (tool.common.config) arguments.insert(arguments.end(), {"--config", *tool.common.config});
  arguments.insert(arguments.end(), words.begin(), words.end());
  BundleTerminal terminal;
  const int status = run_tool(arguments, terminal);
  if (status != 0) terminal.text += fmt::format("exit code {}\n", status);
  return {std::move(name), std::move(terminal.text)};
}

/// The files that `paths` name, masked; under numbers, because the names are the administrator's.
void add_configuration(std::vector<BundleFile>& bundle, std::string_view kind, const std::vector<std::string>& paths) {
  const auto sources = policy::read_sources(paths, policy::SourceUse::kInspect);
  if (!sources) {
    bundle.push_back({fmt::format("{}/error.txt", kind), sources.error().message + "\n"});
    return;
  }
  for (std::size_t i = 0; i < sources->size(); ++i) {
    const auto& source = (*sources)[i];
    bundle.push_back({fmt::format("{}/{}.yaml", kind, i + 1),
                      fmt::format("# {}\n{}", printable_lines(config::masked_value(source.name)),
                                  config::masked_yaml(source.text))});
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

/// A folder of this process alone, removed with everything in it.
class OwnFolder {
 public:
  static Result<OwnFolder> make() {
    std::string path = files::temp_directory_path() / "enforcer-support-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) return fail_errno(path);
    return OwnFolder(std::move(path));
  }
  OwnFolder(OwnFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  OwnFolder& operator=(OwnFolder&&) = delete;
  ~OwnFolder() {
    std::error_code ignored;
    if (!path_.empty()) files::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit OwnFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<> run_tar(const std::string& parent, const std::string& folder, const Fd& to) {
  std::array<std::string, 8> words{
      "tar", "--create", "--gzip", "--owner=0", "--group=0", "--numeric-owner", "--directory=" + parent, folder};
  std::array<char*, 9> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
  pid_t tar = 0;
  const int failed = posix_spawnp(&tar, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return fail(Errc::kUnavailable, fmt::format("tar: {}", std::strerror(failed)));
  int status = 0;
  while (waitpid(tar, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return fail(Errc::kIo, "tar failed");
  return {};
}

}  // namespace

std::vector<BundleFile> collect_bundle(const Tool& tool, unsigned records) {
  std::vector<BundleFile> bundle{
      from_verb(tool, "version.json", {"version", "-o", "json"}),
      from_verb(tool, "status.json", {"status", "-o", "json"}),
      from_verb(tool, "doctor.txt", {"doctor"}),
      from_verb(tool, "guests.json", {"guest", "list", "-o", "json"}),
      from_verb(tool, "policies.json", {"policy", "list", "-o", "json"}),
      from_verb(tool, "credentials.json", {"credential", "list", "-o", "json"}),
      from_verb(tool, "images.json", {"image", "list", "-o", "json"}),
      from_verb(tool, "audit.jsonl", {"log", "--last", std::to_string(records), "-o", "jsonl"}),
  };
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

Result<> write_archive(const std::vector<BundleFile>& files_of_it, const std::string& folder, const Fd& to) {
  const OwnFolder own = TRY(OwnFolder::make());
  for (const BundleFile& file : files_of_it) {
    const files::path path = files::path(own.path()) / folder / file.name;
    std::error_code failed;
    files::create_directories(path.parent_path(), failed);
    if (failed) return fail(Errc::kIo, fmt::format("{}: {}", path.parent_path().string(), failed.message()));
    TRY_VOID(write_atomically(path, file.text, 0600, Survives::kProgram));
  }
  return run_tar(own.path(), folder, to);
}

}  // namespace enforcer::ctl
