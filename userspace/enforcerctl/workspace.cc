#include "enforcerctl/workspace.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/utf8.h"

namespace enforcer::ctl {
namespace {

Result<std::string> resolve_folder(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
  if (!real) return fail_errno(fmt::format("workspace {}", path));
  struct stat status{};
  if (stat(real.get(), &status) != 0) return fail_errno(fmt::format("workspace {}", path));
  if (!S_ISDIR(status.st_mode)) return fail(Errc::kInvalid, fmt::format("workspace {}: it is no folder", path));
  if (!is_utf8(real.get())) return fail(Errc::kInvalid, fmt::format("workspace {} is not UTF-8", real.get()));
  return std::string(real.get());
}

bool is_inside(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder == "/" ? folder : folder + "/");
}

}  // namespace

Result<std::vector<control::Workspace>> workspaces_from(const std::vector<std::string>& texts) {
  constexpr std::string_view kReadOnly = ":ro";
  std::vector<control::Workspace> workspaces;
  for (std::string path : texts) {
    auto access = control::Workspace::Access::kReadWrite;
    if (path.ends_with(kReadOnly)) {
      path.resize(path.size() - kReadOnly.size());
      access = control::Workspace::Access::kReadOnly;
    }
    workspaces.push_back({.path = TRY(resolve_folder(path)), .access = access});
  }
  return workspaces;
}

std::string folder_to_begin_in(const std::vector<control::Workspace>& workspaces, const std::string& callers) {
  if (workspaces.empty()) return {};
  const bool inside =
      std::ranges::any_of(workspaces, [&](const auto& workspace) { return is_inside(callers, workspace.path); });
  return inside ? callers : workspaces.front().path;
}

}  // namespace enforcer::ctl
