// The folders of an instance, and who may do what in them.
//
// enforcerd creates its socket and its state in folders that also hold things of root's. Both therefore belong to root,
// are writable by enforcerd's group and have the sticky bit: enforcerd may add and remove what is its own, and cannot
// rename or replace what hostd trusts (an enforcerd in the wrong hands must not become root by a symbolic link).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "config/paths.h"

namespace enforcer::hostd {

/// The user that enforcerd runs as.
struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// A user's name, "UID" (with the group of that user, or else the same number) or "UID:GID". kInvalid: unknown, or
/// root.
[[nodiscard]] Result<Owner> parse_owner(const std::string& text);

/// A group's name or GID. None: there is no such group.
[[nodiscard]] std::optional<gid_t> parse_group(const std::string& text);

/// Makes the run and state folders of the instance, or corrects them. kConflict: something else is in the place of one.
Result<> make_directories(const config::Paths& paths, const Owner& enforcerd);

}  // namespace enforcer::hostd
