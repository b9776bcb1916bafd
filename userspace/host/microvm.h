// One QEMU microVM: started, watched and ended.
//
// QEMU is the process that a hostile guest attacks first, so it gets nothing it does not need: a uid of its own
// (kGuestUidBase + slot, no groups, no capabilities, no new privileges), its own seccomp sandbox, the guest's network
// namespace (which has no address and no route), and exactly these descriptors: the tap, the image's files, a
// disk without a name, the listening sockets of its channels and of its monitor, its ends of the sockets to the servers
// of its workspaces (virtiofsd.h), and a pipe for its error messages. The sockets are made by us in a folder that
// QEMU's uid cannot enter, so nobody but root reaches them and QEMU cannot put something else in their place.
//
// A microVM outlives the process that started it (a restart of hostd must not end guests): the destructor lets go,
// end() ends. After a restart adopt() takes it back by pid and start time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "host/accelerator.h"
#include "host/child_process.h"
#include "host/image.h"
#include "host/workspace.h"

namespace enforcer::host {

/// Guests' QEMU processes run as this uid + slot: far above what distributions and containers' subuid ranges hand out.
inline constexpr uid_t kGuestUidBase = 2'000'000;

/// A folder of the host in a guest.
struct GuestWorkspace {
  std::string tag;  ///< "ws0"
  std::string path;
  hostproto::Workspace::Access access = hostproto::Workspace::Access::kReadWrite;
  int socket = -1;  ///< connected to its virtiofsd; borrowed
};

struct MicroVmSpec {
  GuestName name;
  Slot slot{};
  std::uint32_t memory_mib = 256;  ///< hostproto::kLeastMemoryMib-kMostMemoryMib
  std::uint32_t cpus = 1;          ///< 1-hostproto::kMostCpus
  Accelerator accelerator = Accelerator::kTcg;
  std::string
      run_dir;  ///< made if missing; becomes root's, 0700; its sockets (exec0.sock, console.sock, ...) are made in it
  /// 64-1048576: of the disk that the guest writes to, which is gone when it ends. 0: there is none, and nothing to
  /// read from a disk either; with an image that has no root file system.
  std::uint32_t disk_mib = 0;
  std::uint64_t promised_mib = 0;  ///< to the disks of other guests
  std::string scratch_dir;         ///< where that disk's blocks lie; made if missing, becomes root's, 0700
  uid_t owner = 0;                 ///< whom commands run as in a guest with a root file system of its own
  gid_t owner_group = 0;
  std::string guest_mac;  ///< "02:77:00:00:00:07"
  std::vector<GuestWorkspace> workspaces;
  std::vector<int> cgroups;  ///< as in ChildOutfit
  IpAddress ipv4{};          ///< the guest's own
  IpAddress gateway_ipv4{};  ///< also its resolver
  IpAddress ipv6{};
  IpAddress gateway_ipv6{};
  std::string qemu = "/usr/bin/qemu-system-x86_64";
};

class MicroVm {
 public:
  /// Starts QEMU. `netns`: the guest's network namespace (borrowed). `tap`: an open tap (borrowed; the caller closes
  /// its copy), made with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR; without the last one QEMU silently loses all offloads.
  /// Returns when QEMU has been executed (some ms), not when it has booted. kUnavailable: QEMU is not installed.
  static Result<MicroVm> start(const MicroVmSpec& spec, const Image& image, int netns, int tap);

  /// Takes back a microVM of an earlier process. kNotFound when that process is gone (or the pid is another's now).
  static Result<MicroVm> adopt(pid_t pid, std::uint64_t start_time, Slot slot, std::string run_dir);

  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  [[nodiscard]] std::uint64_t start_time() const { return process_.start_time(); }
  [[nodiscard]] int pidfd() const { return process_.pidfd(); }
  [[nodiscard]] std::optional<std::string> ending() { return process_.ending(); }

  /// A new connection (blocking mode off) to an exec channel (0 to hostproto::kExecChannels - 1) / the serial console.
  /// It succeeds from the moment start() returns, before QEMU accepts it. QEMU talks to one connection at a time: the
  /// next one waits until the one before is closed. kIo when QEMU is gone.
  [[nodiscard]] Result<Fd> connect_exec(std::size_t channel) const;
  [[nodiscard]] Result<Fd> connect_console() const;
  /// The same to its monitor, for a QmpCall.
  [[nodiscard]] Result<Fd> connect_monitor() const;

  /// Kills QEMU, waits for its end and removes its sockets. kTimeout when it has not ended within
  /// five seconds.
  Result<> end();

 private:
  MicroVm(ChildProcess process, std::string run_dir) : process_(std::move(process)), run_dir_(std::move(run_dir)) {}

  ChildProcess process_;
  std::string run_dir_;
};

}  // namespace enforcer::host
