// Every path of one instance, derived from its name, so that several instances (and all tests) run side by side.
#pragma once

#include <string>

#include "base/ids.h"

namespace enforcer::config {

class Paths {
 public:
  static Paths of(std::string instance) { return Paths(std::move(instance)); }

  [[nodiscard]] const std::string& instance() const { return instance_; }

  [[nodiscard]] std::string gateway_netns() const;  ///< /run/netns/enforcer-<instance>
  [[nodiscard]] std::string bpffs() const;          ///< /sys/fs/bpf/enforcer/<instance>, 0700

  [[nodiscard]] std::string run_dir() const;         ///< /run/enforcer/<instance>
  [[nodiscard]] std::string hostd_socket() const;    ///< run_dir/hostd.sock
  [[nodiscard]] std::string control_socket() const;  ///< run_dir/enforcerd.sock
  /// run_dir/guests/<name>, 0700, root's: QEMU gets sockets from it, never the folder
  [[nodiscard]] std::string guest_run_dir(const GuestName& guest) const;

  [[nodiscard]] std::string state_dir() const;        ///< /var/lib/enforcer/<instance>, owned by enforcerd's user
  [[nodiscard]] std::string hostd_state_dir() const;  ///< state_dir/hostd, root only
  [[nodiscard]] std::string scratch_dir() const;      ///< state_dir/scratch, root only: room for guests' disks
  [[nodiscard]] std::string policies_dir() const;     ///< state_dir/policies: what `policy apply` stored
  /// state_dir/credentials, 0700: what `credential set` stored, encrypted under the file credentials.key beside it
  /// unless the service manager gives a key
  [[nodiscard]] std::string credentials_dir() const;
  [[nodiscard]] std::string guests_state_dir() const;                       ///< state_dir/guests
  [[nodiscard]] std::string guest_state_dir(const GuestName& guest) const;  ///< state_dir/guests/<name>

 private:
  explicit Paths(std::string instance) : instance_(std::move(instance)) {}
  std::string instance_;
};

}  // namespace enforcer::config
