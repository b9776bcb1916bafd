#include "file_systems.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace enforcer::guest {
namespace {

struct FileSystem {
  const char* type;
  const char* target;
  unsigned long flags;
  const char* options;
};

constexpr FileSystem kFileSystems[] = {
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666"},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777"},
};

constexpr const char* kLinks[][2] = {{"/proc/self/fd", "/dev/fd"},
                                     {"/proc/self/fd/0", "/dev/stdin"},
                                     {"/proc/self/fd/1", "/dev/stdout"},
                                     {"/proc/self/fd/2", "/dev/stderr"}};

}  // namespace

Result<> mount_file_systems() {
  Result<> outcome;
  for (const FileSystem& fs : kFileSystems) {
    ::mkdir(fs.target, 0755);  // some lie inside one just mounted
    if (::mount(fs.type, fs.target, fs.type, fs.flags, fs.options) != 0 && outcome) outcome = fail_errno(fs.target);
  }
  for (const auto& [target, link] : kLinks)
    if (::symlink(target, link) != 0 && errno != EEXIST && outcome) outcome = fail_errno(link);
  return outcome;
}

}  // namespace enforcer::guest
