// Small text files of the guest's system.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer::guest {

/// The whole file; empty where there is none.
std::string read_text(const std::filesystem::path& path);

/// Written aside and renamed: who reads it meanwhile sees all of the old file or all of the new one. An older file's
/// mode and owner stay, a new one is 0644; missing folders are made. A symbolic link of that name is replaced, not
/// followed.
Result<> replace_text(const std::filesystem::path& path, std::string_view text);

/// Makes `path` a symbolic link to `target`, in place of what had that name.
Result<> replace_link(const std::filesystem::path& path, const std::filesystem::path& target);

}  // namespace enforcer::guest
