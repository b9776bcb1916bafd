// The cgroups that hold guests to their limits, of version 1, 2 or both side by side, below the one that hostd itself
// is in (a service manager delegates it to us; we take no part of the tree that is somebody else's).
//
// Version 1 has one tree for each controller: a guest has a cgroup in each. Version 2 has one tree, in which a cgroup
// that gives controllers to others must not hold processes: hostd moves to a cgroup `hostd` beside the guests'. Where a
// service manager starts us again while guests run, the controllers are in the way of that: `enforcer-hostd --prepare`
// takes them back before (release_unified()), and adopting a guest sets its limits again.
//
// A cgroup outlives us. Its path is on record, and its name, enforcer-INSTANCE-SLOT, says whose it is: what no guest
// owns is emptied and removed.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "host/guest_limits.h"

namespace enforcer::host {

/// The folders of one guest's cgroups; none where the host has no controller for us.
class GuestCgroups {
 public:
  GuestCgroups() = default;
  /// Of an earlier process.
  static GuestCgroups adopt(std::vector<std::string> folders) { return GuestCgroups(std::move(folders)); }

  [[nodiscard]] const std::vector<std::string>& folders() const { return folders_; }
  /// Their cgroup.procs files, for ChildOutfit. kIo when one is gone.
  [[nodiscard]] Result<std::vector<Fd>> entrances() const;
  /// Sets every limit that the folders have a file for.
  Result<> set(const GuestLimits& limits) const;
  /// Whether they are gone now. Processes that are still ending keep them for a moment.
  [[nodiscard]] bool remove() const;
  /// Kills what is in them.
  void kill() const;

 private:
  explicit GuestCgroups(std::vector<std::string> folders) : folders_(std::move(folders)) {}
  std::vector<std::string> folders_;
};

/// Where guests' cgroups are made.
class CgroupPlaces {
 public:
  /// By what the kernel says of this process. In version 2 it moves this process and gives the controllers on.
  static CgroupPlaces of_this_process(std::string instance);
  /// By the texts of /proc/self/mountinfo and /proc/self/cgroup. Moves nothing.
  static CgroupPlaces from(std::string instance, std::string_view mountinfo, std::string_view cgroup);

  /// What cannot be limited here: "memory, tasks", with the reason where one is known; empty: everything can.
  [[nodiscard]] const std::string& missing() const { return missing_; }
  /// Folders in which guests' cgroups are made, each once.
  [[nodiscard]] const std::vector<std::string>& parents() const { return parents_; }

  /// Those that can be made, with their limits set, and why the others cannot (empty: all are).
  struct Made {
    GuestCgroups cgroups;
    std::string complaint;
  };
  [[nodiscard]] Made make(Slot slot, const GuestLimits& limits) const;
  /// Empties and removes those of this instance's guests that are not in `known`.
  void remove_unknown(const std::set<Slot>& known) const;

 private:
  explicit CgroupPlaces(std::string instance) : prefix_("enforcer-" + std::move(instance) + "-") {}
  void find_missing(std::string_view why);

  std::string prefix_;  ///< of a guest's cgroup, before its slot
  std::vector<std::string> parents_;
  std::string unified_;                             ///< our own cgroup in version 2, if the kernel has it mounted
  std::set<std::string, std::less<>> controllers_;  ///< found: "memory", "pids", "cpu"
  std::string missing_;
};

/// Takes the controllers back from the cgroups of an earlier hostd, so that a service manager can put us into the one
/// around them. Limits end, for the moment until hostd runs; guests do not. Done where there is nothing to take.
void release_unified();

}  // namespace enforcer::host
