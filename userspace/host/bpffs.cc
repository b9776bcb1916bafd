#include "host/bpffs.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "abi.h"

namespace enforcer::host {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMountPoint = "/sys/fs/bpf";

bool is_mounted() {
  struct statfs filesystem{};
  return statfs(kMountPoint, &filesystem) == 0 && filesystem.f_type == BPF_FS_MAGIC;
}

Result<> make_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(fmt::format("cannot make {}", path));
  return {};
}

}  // namespace

Result<> mount_bpffs() {
  if (is_mounted()) return {};
  if (mount("bpf", kMountPoint, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0) return {};
  auto failed = fail_errno(fmt::format("there is no bpffs at {}, and mounting it failed", kMountPoint));
  failed.error().code = Errc::kUnavailable;
  return failed;
}

Result<PinFolder> PinFolder::open(const std::string& instance_dir) {
  TRY_VOID(mount_bpffs());
  const std::string ours = fmt::format("abi-{}", ENFORCER_ABI_VERSION);
  TRY_VOID(make_folder(fs::path(instance_dir).parent_path()));
  TRY_VOID(make_folder(instance_dir));
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(instance_dir, ignored)) {
    if (entry.path().filename() == ours) continue;
    return fail(Errc::kConflict, fmt::format("{} was pinned by another version of enforcer-hostd: end its guests with "
                                             "'enforcer-hostd --teardown' first",
                                             entry.path().string()));
  }
  PinFolder folder(fmt::format("{}/{}", instance_dir, ours));
  TRY_VOID(make_folder(folder.root_));
  TRY_VOID(make_folder(folder.root_ + "/maps"));
  TRY_VOID(make_folder(folder.root_ + "/links"));
  return folder;
}

void PinFolder::remove_links_except(const std::set<std::string>& interfaces) const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root_ + "/links", ignored)) {
    const std::string name = entry.path().filename();
    if (!interfaces.contains(name.substr(0, name.find('-')))) unlink(entry.path().c_str());
  }
}

Result<> remove_pins(const std::string& instance_dir) {
  std::error_code error;
  fs::remove_all(instance_dir, error);
  if (error) return fail(Errc::kIo, fmt::format("cannot remove {}: {}", instance_dir, error.message()));
  return {};
}

}  // namespace enforcer::host
