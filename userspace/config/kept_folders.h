// The folders of an instance that hold things of root's beside things of enforcerd's: whose they are and with which
// mode. enforcer-hostd makes them when it starts; `enforcerctl doctor` compares, and puts them right when it is asked
// to.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "config/paths.h"

namespace enforcer::config {

struct KeptFolder {
  std::string path;
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0700;  ///< all of 07777
  /// What one that is there already may be.
  enum class Found {
    kAnybodys,  ///< root alone writes the folder around it: whoever it belongs to, it is corrected
    kRoots,     ///< enforcerd may have put it there: only one of root's is taken
  } found = Found::kAnybodys;
};

/// Outer ones first. `enforcerd`: the group that enforcerd runs with.
[[nodiscard]] std::vector<KeptFolder> kept_folders(const Paths& paths, gid_t enforcerd);

/// Makes the folder, or corrects its owner, group and mode. kConflict: something else is in its place.
Result<> make_or_correct(const KeptFolder& folder);

/// What make_or_correct() would change, "mode 1777, not 1770"; empty when there is nothing. kDenied: this user may not
/// look. kConflict: it would refuse.
[[nodiscard]] Result<std::string> what_is_wrong(const KeptFolder& folder);

}  // namespace enforcer::config
