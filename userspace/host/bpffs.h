// Where maps and links are pinned: one folder for each instance, with the version of the kernel/user contract in its
// name, so that maps of another version are never mistaken for ours.
//
//   /sys/fs/bpf/enforcer/<instance>/abi-N/maps/guests          every map
//   /sys/fs/bpf/enforcer/<instance>/abi-N/links/g7-ingress     every TCX link
#pragma once

#include <set>
#include <string>

#include "base/result.h"

namespace enforcer::host {

/// Mounts bpffs where it is missing, at /sys/fs/bpf. kUnavailable: this kernel has none.
Result<> mount_bpffs();

class PinFolder {
 public:
  /// Mounts bpffs when it is missing, makes the folder of `instance_dir` (0700). kUnavailable: this kernel has no
  /// bpffs. kConflict: maps of another version are pinned there, hence its guests still run.
  static Result<PinFolder> open(const std::string& instance_dir);

  [[nodiscard]] std::string map(const std::string& name) const { return root_ + "/maps/" + name; }
  [[nodiscard]] std::string link(const std::string& interface, const std::string& end) const {
    return root_ + "/links/" + interface + "-" + end;
  }
  /// Removes the links of every interface but these.
  void remove_links_except(const std::set<std::string>& interfaces) const;

 private:
  explicit PinFolder(std::string root) : root_(std::move(root)) {}
  std::string root_;
};

/// Removes every pin of the instance; TCX links that nobody else holds are detached by that.
Result<> remove_pins(const std::string& instance_dir);

}  // namespace enforcer::host
