#include "host/cgroups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "base/log.h"

namespace enforcer::host {
namespace {

namespace fs = std::filesystem;

struct Controller {
  std::string_view name;    ///< the kernel's
  std::string_view limits;  ///< for people
};
constexpr std::array kControllers{Controller{"memory", "memory"}, Controller{"pids", "tasks"},
                                  Controller{"cpu", "processor time"}};
constexpr std::string_view kOwnLeaf = "hostd";
constexpr std::uint64_t kPeriod = 100'000;  // µs, the kernel's default

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool contains(const std::vector<std::string>& all, std::string_view one) {
  return std::ranges::find(all, one) != all.end();
}

bool has_word(std::string_view text, std::string_view word, char between) {
  return contains(split(text, between), word);
}

std::string read_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// In one write, which is what these files want.
Result<> write_file(const std::string& path, std::string_view text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid() || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return fail_errno(fmt::format("cannot write '{}' to {}", text, path));
  }
  return {};
}

struct CgroupMount {
  std::string root;  ///< which part of the tree is mounted
  std::string at;
  bool unified = false;
  std::string options;  ///< version 1: its controllers are among them
};

/// proc(5), "/proc/[pid]/mountinfo": ID PARENT DEVICE ROOT AT OPTIONS [TAGS] - TYPE SOURCE OPTIONS
std::vector<CgroupMount> cgroup_mounts(std::string_view mountinfo) {
  std::vector<CgroupMount> mounts;
  for (const std::string& line : split(mountinfo, '\n')) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto before = split(std::string_view(line).substr(0, dash), ' ');
    const auto behind = split(std::string_view(line).substr(dash + 3), ' ');
    if (before.size() < 6 || behind.size() < 3 || !behind[0].starts_with("cgroup")) continue;
    mounts.push_back({.root = before[3], .at = before[4], .unified = behind[0] == "cgroup2", .options = behind.back()});
  }
  return mounts;
}

/// Where the cgroup `path` is seen below a mount; nothing when it is not in the part that is mounted.
std::optional<std::string> folder_in(const CgroupMount& mount, std::string_view path) {
  if (mount.root != "/") {
    if (!path.starts_with(mount.root)) return std::nullopt;
    path.remove_prefix(mount.root.size());
    if (!path.empty() && path.front() != '/') return std::nullopt;
  }
  if (path == "/") path = {};
  return mount.at + std::string(path);
}

/// Our cgroup where `controllers` ("" is version 2) says so in /proc/self/cgroup: ID:CONTROLLERS:PATH
std::optional<std::string> own_path(std::string_view cgroup, std::string_view controller) {
  for (const std::string& line : split(cgroup, '\n')) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const bool found = controller.empty() ? controllers.empty() : has_word(controllers, controller, ',');
    if (found) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<std::string> version_1_folder(const std::vector<CgroupMount>& mounts, std::string_view cgroup,
                                            std::string_view controller) {
  const auto path = own_path(cgroup, controller);
  if (!path) return std::nullopt;
  for (const CgroupMount& mount : mounts) {
    if (!mount.unified && has_word(mount.options, controller, ',')) return folder_in(mount, *path);
  }
  return std::nullopt;
}

/// The cgroup that was given to us: beside `hostd`, if we are in that already.
std::string unified_folder(const std::vector<CgroupMount>& mounts, std::string_view cgroup) {
  const auto path = own_path(cgroup, "");
  for (const CgroupMount& mount : mounts) {
    if (!mount.unified || !path) continue;
    auto folder = folder_in(mount, *path);
    if (!folder) continue;
    if (folder->ends_with(fmt::format("/{}", kOwnLeaf))) folder->resize(folder->size() - kOwnLeaf.size() - 1);
    return *folder;
  }
  return {};
}

/// Gives every controller that is there to the cgroups below; the names of those that are given.
Result<std::vector<std::string>> give_controllers(const std::string& folder) {
  // The root of the tree may hold processes, and has no type.
  const bool is_root = !fs::exists(folder + "/cgroup.type");
  const std::string leaf = fmt::format("{}/{}", folder, kOwnLeaf);
  if (!is_root) {
    if (::mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno(leaf);
    TRY_VOID(write_file(leaf + "/cgroup.procs", "0"));
    if (!read_text(folder + "/cgroup.procs").empty()) {
      (void)write_file(folder + "/cgroup.procs", "0");
      ::rmdir(leaf.c_str());
      return fail(Errc::kConflict, fmt::format("{} is not ours alone", folder));
    }
  }
  for (const Controller& controller : kControllers) {
    if (!has_word(split(read_text(folder + "/cgroup.controllers"), '\n').front(), controller.name, ' ')) continue;
    TRY_VOID(write_file(folder + "/cgroup.subtree_control", fmt::format("+{}", controller.name)));
  }
  return split(split(read_text(folder + "/cgroup.subtree_control"), '\n').front(), ' ');
}

}  // namespace

Result<std::vector<Fd>> GuestCgroups::entrances() const {
  std::vector<Fd> all;
  for (const std::string& folder : folders_) {
    const std::string path = folder + "/cgroup.procs";
    Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.valid()) return fail_errno(path);
    all.push_back(std::move(file));
  }
  return all;
}

Result<> GuestCgroups::set(const GuestLimits& limits) const {
  const std::string memory = fmt::format("{}", limits.memory_bytes);
  const std::string tasks = fmt::format("{}", limits.tasks);
  const std::string quota = fmt::format("{}", limits.cpus * kPeriod);
  const std::pair<std::string_view, std::string> files[] = {
      {"memory.max", memory},
      {"memory.oom.group", "1"},  // half a guest is of no use
      {"memory.limit_in_bytes", memory},
      {"pids.max", tasks},
      {"cpu.max", fmt::format("{} {}", quota, kPeriod)},
      {"cpu.cfs_period_us", fmt::format("{}", kPeriod)},
      {"cpu.cfs_quota_us", quota},
  };
  for (const std::string& folder : folders_) {
    for (const auto& [name, text] : files) {
      const std::string path = fmt::format("{}/{}", folder, name);
      if (fs::exists(path)) TRY_VOID(write_file(path, text));
    }
  }
  return {};
}

bool GuestCgroups::remove() const {
  return std::ranges::all_of(folders_,
                             [](const std::string& path) { return ::rmdir(path.c_str()) == 0 || errno == ENOENT; });
}

void GuestCgroups::kill() const {
  for (const std::string& folder : folders_) {
    for (const std::string& line : split(read_text(folder + "/cgroup.procs"), '\n')) {
      pid_t pid = 0;
      std::from_chars(line.data(), line.data() + line.size(), pid);
      if (pid > 1) ::kill(pid, SIGKILL);
    }
  }
}

CgroupPlaces CgroupPlaces::from(std::string instance, std::string_view mountinfo, std::string_view cgroup) {
  CgroupPlaces places(std::move(instance));
  const auto mounts = cgroup_mounts(mountinfo);
  for (const Controller& controller : kControllers) {
    const auto folder = version_1_folder(mounts, cgroup, controller.name);
    if (!folder) continue;
    places.controllers_.emplace(controller.name);
    if (!contains(places.parents_, *folder)) places.parents_.push_back(*folder);
  }
  places.unified_ = unified_folder(mounts, cgroup);
  places.find_missing("");
  return places;
}

CgroupPlaces CgroupPlaces::of_this_process(std::string instance) {
  CgroupPlaces places = from(std::move(instance), read_text("/proc/self/mountinfo"), read_text("/proc/self/cgroup"));
  if (places.missing_.empty() || places.unified_.empty()) return places;
  // A controller is in one version at a time.
  const auto available = split(split(read_text(places.unified_ + "/cgroup.controllers"), '\n').front(), ' ');
  if (std::ranges::none_of(kControllers, [&](const Controller& c) { return contains(available, c.name); }))
    return places;
  const auto given = give_controllers(places.unified_);
  if (given) {
    places.controllers_.insert(given->begin(), given->end());
    places.parents_.push_back(places.unified_);
  }
  places.find_missing(given ? "" : given.error().message);
  return places;
}

void CgroupPlaces::find_missing(std::string_view why) {
  std::vector<std::string_view> names;
  for (const Controller& controller : kControllers) {
    if (!controllers_.contains(controller.name)) names.push_back(controller.limits);
  }
  missing_ = fmt::format("{}", fmt::join(names, ", "));
  if (!missing_.empty() && !why.empty()) missing_ += fmt::format(" ({})", why);
}

CgroupPlaces::Made CgroupPlaces::make(Slot slot, const GuestLimits& limits) const {
  std::vector<std::string> made;
  std::string complaint;
  const auto complain = [&](const Error& error) { complaint += (complaint.empty() ? "" : "; ") + error.message; };
  for (const std::string& parent : parents_) {
    std::string folder = fmt::format("{}/{}{}", parent, prefix_, static_cast<std::uint32_t>(slot));
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
      complain(fail_errno(fmt::format("cannot make {}", folder)).error());
      continue;
    }
    if (const auto set = GuestCgroups::adopt({folder}).set(limits); !set) complain(set.error());
    made.push_back(std::move(folder));
  }
  return {.cgroups = GuestCgroups::adopt(std::move(made)), .complaint = std::move(complaint)};
}

void CgroupPlaces::remove_unknown(const std::set<Slot>& known) const {
  for (const std::string& parent : parents_) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(parent, error)) {
      const std::string name = entry.path().filename();
      if (!name.starts_with(prefix_)) continue;
      std::uint32_t slot = 0;
      const char* end = name.data() + name.size();
      const auto [stop, status] = std::from_chars(name.data() + prefix_.size(), end, slot);
      if (status != std::errc{} || stop != end || known.contains(Slot{slot})) continue;  // perhaps another instance's
      const auto cgroups = GuestCgroups::adopt({entry.path().string()});
      cgroups.kill();
      (void)cgroups.remove();
    }
  }
}

void release_unified() {
  const std::string folder =
      unified_folder(cgroup_mounts(read_text("/proc/self/mountinfo")), read_text("/proc/self/cgroup"));
  // A command that a service manager runs before us may be in a cgroup of its own beside the guests'.
  for (const std::string& at : {folder, fs::path(folder).parent_path().string()}) {
    if (folder.empty() || !fs::exists(fmt::format("{}/{}", at, kOwnLeaf))) continue;
    for (const Controller& controller : kControllers) {
      if (!has_word(split(read_text(at + "/cgroup.subtree_control"), '\n').front(), controller.name, ' ')) continue;
      const auto taken = write_file(at + "/cgroup.subtree_control", fmt::format("-{}", controller.name));
      if (!taken) log_warning("{}", taken.error().message);
    }
  }
}

}  // namespace enforcer::host
