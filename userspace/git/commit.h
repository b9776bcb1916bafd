// What a commit says of its parents.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "git/object_id.h"

namespace enforcer::git {

/// Of a commit's content: "tree", then a line for each parent (gitformat-commit as git fsck wants it). None: not a
/// commit, or with names of another size.
[[nodiscard]] std::optional<std::vector<ObjectId>> parents_of(std::string_view content, std::size_t id_size);

}  // namespace enforcer::git
