#include "root.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/deadline.h"
#include "program.h"

namespace enforcer::guest {
namespace {

// The host attaches them in this order.
constexpr const char* kImageDisk = "/dev/vda";
constexpr const char* kScratchDisk = "/dev/vdb";

// Folders of the initramfs.
const std::string kImageMount = "/image";
const std::string kScratchMount = "/scratch";
const std::string kNewRoot = "/root-of-guest";

/// Making an empty file system on an idle machine takes a tenth of a second; hosts are not always idle.
constexpr std::chrono::seconds kMakingTakesAtMost{60};

/// Engines keep layers of images in them and mount overlays over those, which cannot lie on an overlay.
constexpr const char* kEngineFolders[] = {"/var/lib/docker", "/var/lib/containerd"};

Result<> attach(const std::string& source, const std::string& target, const char* type, unsigned long flags,
                const std::string& options = "") {
  ::mkdir(target.c_str(), 0755);
  if (::mount(source.c_str(), target.c_str(), type, flags, options.c_str()) != 0)
    return fail_errno("mounting " + source + " on " + target);
  return {};
}

Result<> make_folder(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 || ::chmod(path.c_str(), mode) != 0) return fail_errno(path);
  return {};
}

/// The driver has found it when its module was loaded; devtmpfs may be a moment behind.
Result<> await_disk(const char* path) {
  const Deadline deadline = Deadline::after(std::chrono::seconds(5));
  while (::access(path, F_OK) != 0) {
    if (deadline.passed()) return fail_errno(path);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return {};
}

/// With the image's own mkfs.ext4: ours would be one more program in every initramfs. No journal, no barriers, no
/// reserve for root: nobody reads this disk after the guest's end. Tables of inodes are neither written now nor later
/// by a thread of the kernel, so that the host's file takes the room of what was written and no more.
Result<> make_scratch() {
  TRY_VOID(attach("/dev", kImageMount + "/dev", nullptr, MS_BIND));
  const auto made = run_program({"/sbin/mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E",
                                 "lazy_itable_init=1,nodiscard,root_owner=0:0", kScratchDisk},
                                kMakingTakesAtMost, kImageMount);
  if (!made) return fail_in(kScratchDisk, made.error());
  ::umount2((kImageMount + "/dev").c_str(), MNT_DETACH);
  TRY_VOID(attach(kScratchDisk, kScratchMount, "ext4", MS_NOATIME, "nobarrier,noinit_itable"));
  TRY_VOID(make_folder(kScratchMount + "/upper", 0755));
  TRY_VOID(make_folder(kScratchMount + "/work", 0700));
  return make_folder(kScratchMount + "/tmp", 01777);
}

/// A folder of the scratch disk in place of one of the root's.
Result<> lay_folder(const std::string& path, mode_t mode) {
  std::string name = path.substr(1);
  for (char& c : name)
    if (c == '/') c = '-';
  const std::string folder = kScratchMount + "/" + name;
  TRY_VOID(make_folder(folder, mode));
  return attach(folder, kNewRoot + path, nullptr, MS_BIND);
}

Result<> fill_root() {
  for (const char* kept : {"/proc", "/sys", "/dev", "/run"}) TRY_VOID(attach(kept, kNewRoot + kept, nullptr, MS_MOVE));
  ::mkdir((kNewRoot + "/run/lock").c_str(), 01777);
  ::chmod((kNewRoot + "/run/lock").c_str(), 01777);
  TRY_VOID(attach("cgroup2", kNewRoot + "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC));
  TRY_VOID(attach(kScratchMount + "/tmp", kNewRoot + "/tmp", nullptr, MS_BIND));
  TRY_VOID(attach("tmp", kNewRoot + "/tmp", nullptr, MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOATIME));
  for (const char* folder : kEngineFolders)
    if (::access((kNewRoot + folder).c_str(), F_OK) == 0) TRY_VOID(lay_folder(folder, 0710));
  return {};
}

/// Moved onto "/", not only entered: what calls pivot_root(2), as container engines do, must find its root at the top
/// of the tree of mounts. Kernel threads share this process's root, so modprobe and the like are the image's, too.
Result<> move_to_root() {
  std::error_code ignored;
  std::filesystem::remove_all("/lib/modules/enforcer", ignored);  // loaded; the initramfs lies in memory
  ::umount2("/tmp", MNT_DETACH);
  // The overlay and the folders laid over it hold what they need of these.
  ::umount2(kImageMount.c_str(), MNT_DETACH);
  ::umount2(kScratchMount.c_str(), MNT_DETACH);
  if (::chdir(kNewRoot.c_str()) != 0) return fail_errno(kNewRoot);
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0) return fail_errno("moving the root");
  if (::chroot(".") != 0 || ::chdir("/") != 0) return fail_errno("entering the root");
  return {};
}

}  // namespace

Result<> enter_root(const std::string& kind) {
  if (kind.empty()) return {};
  if (kind != "erofs") return fail(Errc::kInvalid, "enforcer.root names a kind that is not known: " + kind);
  TRY_VOID(await_disk(kImageDisk));
  TRY_VOID(await_disk(kScratchDisk));
  TRY_VOID(attach(kImageDisk, kImageMount, "erofs", MS_RDONLY | MS_NODEV));
  TRY_VOID(make_scratch());
  TRY_VOID(attach(
      "overlay", kNewRoot, "overlay", MS_NOATIME,
      "lowerdir=" + kImageMount + ",upperdir=" + kScratchMount + "/upper,workdir=" + kScratchMount + "/work,volatile"));
  TRY_VOID(fill_root());
  return move_to_root();
}

}  // namespace enforcer::guest
