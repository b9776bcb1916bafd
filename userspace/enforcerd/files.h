// Folders of the state folder.
#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace enforcer::enforcerd {

/// Makes a folder (0700) and those above it; one that exists is fine.
Result<> make_folders(const std::string& path);

/// All files of a folder at once, in place of those that are there: `files` by name, 0600. They are written into
/// `folder`.new, which takes the folder's place in one step: a crash at any moment, or a disk that is full, leaves all
/// of before or all of now. The folder exists, and its file system exchanges two names (renameat2(2)), as ext4, xfs,
/// btrfs and tmpfs do. An error: nothing has changed.
Result<> replace_folder(const std::string& folder, const std::map<std::string, std::string>& files);

}  // namespace enforcer::enforcerd
