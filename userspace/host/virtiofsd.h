// The process that serves one workspace to one guest.
//
// It is the second process that a hostile guest talks to, and unlike QEMU it must open files. So what it can reach is
// cut down to one folder before it runs: hostd clones the mount of the folder that was checked (workspace.h), makes it
// nosuid, nodev and, where that was asked, read-only, and puts it into a mount namespace of the child's own. virtiofsd
// then makes that folder the root of its file systems, drops the rest, and goes on in empty pid and network namespaces
// under its own seccomp filter. What it looks up or opens from there on, by whatever name, handle or "..", lies in that
// folder or does not exist. File systems mounted below the folder are not part of it.
//
// Its user namespace has two users: root, which is the guest's uid on the host (kGuestUidBase + slot), and the owner,
// who is the owner. So a file that the guest's user makes is the owner's, one that the guest's root makes belongs to
// nobody else, and no other uid can be taken or given. Capabilities inside reach files of these two only; devices
// cannot be made. When the owner is root the map has root alone.
//
// It ends by itself when QEMU's end of the socket closes, and survives us: as with a microVM the destructor lets go.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "host/child_process.h"
#include "host/workspace.h"

namespace enforcer::host {

struct VirtiofsdSpec {
  Slot slot{};
  Account owner;
  hostproto::Workspace::Access access = hostproto::Workspace::Access::kReadWrite;
  int folder = -1;           ///< of open_workspace(); borrowed
  std::string run_dir;       ///< for the moment that the socket has a name; made if missing, becomes root's, 0700
  std::vector<int> cgroups;  ///< as in ChildOutfit
  std::string program = "/usr/lib/qemu/virtiofsd";
};

/// How many tasks one of them has at most: itself twice, its queue's thread, and ten idle workers.
inline constexpr std::uint32_t kMaxVirtiofsdThreads = 32;

class Virtiofsd {
 public:
  /// Starts it. With it comes the connection that QEMU talks to it through; the socket has no name any more. Needs root
  /// and a caller without other threads. kUnavailable: virtiofsd is not installed. kIo with the step that failed;
  /// one of them is to open the folder as the server, which has none of the owner's other groups. kTimeout: that did
  /// not happen by the deadline, as where the folder's file system does not answer.
  static Result<std::pair<Virtiofsd, Fd>> start(const VirtiofsdSpec& spec, Deadline deadline);

  /// Takes back one of an earlier process. kNotFound when it is gone.
  static Result<Virtiofsd> adopt(pid_t pid, std::uint64_t start_time);

  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  [[nodiscard]] std::uint64_t start_time() const { return process_.start_time(); }
  [[nodiscard]] std::optional<std::string> ending() { return process_.ending(); }

  /// Kills it, and with the first process of its pid namespace all others. kTimeout when that takes five seconds.
  Result<> end() { return process_.end(); }

 private:
  explicit Virtiofsd(ChildProcess process) : process_(std::move(process)) {}

  ChildProcess process_;
};

}  // namespace enforcer::host
