// What hostd must still know after a crash: the last slot that was used, and one file for each guest. The folder is
// root's alone: what is written there decides which processes are killed and which interfaces are trusted.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "host/netns.h"
#include "hostproto/messages.h"

namespace enforcer::hostd {

/// A folder that a guest shares, and the process that serves it.
struct SharedFolder {
  hostproto::Workspace workspace;
  pid_t pid = 0;  ///< of virtiofsd; 0: it has not been started yet
  std::uint64_t start_time = 0;
  friend bool operator==(const SharedFolder&, const SharedFolder&) = default;
};

/// A guest that is a process of ours.
struct Machine {
  std::string image;
  std::uint32_t memory_mib = 0;  ///< 0: as the image says
  std::uint32_t cpus = 0;
  std::uint32_t disk_mib = 0;     ///< of the scratch disk; 0: the image has none
  std::uint32_t owner_group = 0;  ///< gid of whoever asked for it
  std::string accelerator;        ///< "kvm" or "tcg"
  enum class State { kBooting, kRunning, kPaused } state = State::kBooting;  ///< kPaused: it may be
  pid_t pid = 0;                                                             ///< 0: QEMU has not been started yet
  std::uint64_t start_time = 0;  ///< with the pid it names one process for ever
  enum class Lifetime { kUntilDeleted, kOneCommand } lifetime = Lifetime::kUntilDeleted;
  std::vector<SharedFolder> workspaces = {};
  std::vector<std::string> cgroups = {};  ///< folders
};

/// A guest that is somebody else's namespace.
struct Attached {
  std::string path;
  host::NetnsId netns;
  std::uint32_t eth_index = 0;  ///< of our eth0 in there
};

struct GuestRecord {
  Slot slot{};
  Epoch epoch{};
  GuestName name;
  Labels labels;
  std::uint32_t owner = 0;    ///< uid of whoever asked for it
  std::uint64_t created = 0;  ///< seconds since 1970; 0: by a hostd that did not write it down
  IpAddress ipv4;
  IpAddress ipv6;
  std::uint32_t interface_index = 0;  ///< of its end in the gateway namespace; 0: not wired yet
  std::variant<Machine, Attached> kind;
};

class Records {
 public:
  /// Makes the folder (0700). kConflict: another hostd runs for this instance. kDenied: the folder is not root's alone.
  static Result<Records> open(std::string folder);

  /// A slot that was never given out before in this folder's life; written down before it is returned.
  Result<Slot> next_slot();
  /// Replaces the guest's file atomically.
  Result<> save(const GuestRecord& record);
  void remove(Slot slot);
  /// All records that can be read; a broken one is reported in the log and removed.
  [[nodiscard]] std::vector<GuestRecord> load();
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  Records(std::string folder, Fd lock) : folder_(std::move(folder)), lock_(std::move(lock)) {}
  [[nodiscard]] std::string file_of(Slot slot) const;

  std::string folder_;
  Fd lock_;  ///< held as long as we live
};

}  // namespace enforcer::hostd
