// The folders of an instance that hold things of root's beside things of enforcerd's: whose they are and with which
// mode. enforcer-hostd makes them when it starts; `enforcerctl doctor` compares, and puts them right when it is asked
// to.
#pragma once

#include <sys/types.h>

#include <optional>
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
    kOwners,    ///< somebody else may have put it there: only one that is `uid`'s already is taken
  } found = Found::kAnybodys;
};

/// Outer ones first. `enforcerd`: the group that enforcerd runs with.
[[nodiscard]] std::vector<KeptFolder> kept_folders(const Paths& paths, gid_t enforcerd);

/// Whether nobody but root can make `path` another place: each folder from "/" to the one around it is no symbolic
/// link, root's, and written by root alone, or by the group `sharing` too where entries of root's stay root's (the
/// sticky bit). kConflict says which is not, or that the path is not absolute or has a ".."; kIo: one cannot be looked
/// at.
Result<> require_roots_way(const std::string& path, std::optional<gid_t> sharing);

/// Makes the folder, or corrects its owner, group and mode. kConflict: something else is in its place.
Result<> make_or_correct(const KeptFolder& folder);

/// What make_or_correct() would change, "mode 1777, not 1770"; empty when there is nothing. kDenied: this user may not
/// look. kConflict: it would refuse.
[[nodiscard]] Result<std::string> what_is_wrong(const KeptFolder& folder);

}  // namespace enforcer::config
