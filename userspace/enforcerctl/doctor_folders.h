// What `doctor` looks at of the folders that the daemons share: whose they are decides what enforcerd can write, and
// what it cannot replace under hostd's hands.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "config/paths.h"
#include "enforcerctl/doctor_checks.h"

namespace enforcer::ctl {

struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  friend bool operator==(const Account&, const Account&) = default;
};

/// Who enforcerd runs as: whoever made its control socket, where only root and enforcerd can have made it; else the
/// user `fallback` of this host, unless this instance has folders and they are another group's. None: neither is there.
/// Never root.
[[nodiscard]] std::optional<Account> account_of_enforcerd(const config::Paths& paths,
                                                          const char* fallback = "enforcer");

/// Those that enforcer-hostd makes. They are mended as it does, where root alone can change the folders around them.
[[nodiscard]] Check check_folders(const config::Paths& paths, const std::optional<Account>& enforcerd);

/// The folder of the audit log that the configuration has at `path`; `answered` is where enforcerd says that it is, ""
/// when nobody asked it. The word of a daemon opens nothing: where it is another one, nothing is mended. Else the
/// folder is made where it is missing, and its mode corrected where it is enforcerd's already and holds nothing but
/// that log, if root alone can change the folders around it. Nothing that somebody else has is given to enforcerd.
[[nodiscard]] Check check_audit_folder(const std::string& path, const std::string& answered,
                                       const std::optional<Account>& enforcerd);

}  // namespace enforcer::ctl
