// Which paths can name a workspace at all: pure text, so that the tool, the daemon and hostd say the same.
#include <fmt/format.h>

#include <algorithm>

#include "hostproto/messages.h"

namespace enforcer::hostproto {
namespace {

constexpr std::size_t kMaxPath = 1024;

/// Whether `path` is `folder` or lies in it.
bool lies_in(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

std::string_view label(Workspace::Access access) {
  return access == Workspace::Access::kReadOnly ? "ro" : "rw";
}

Result<> check_workspace_path(std::string_view path) {
  const auto wrong = [](std::string_view why) {
    return fail(Errc::kInvalid, fmt::format("a workspace's path {}", why));
  };
  if (!path.starts_with('/')) return wrong("must be absolute");
  if (path.size() > kMaxPath) return wrong("has more than 1024 bytes");
  if (std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return wrong("has control characters");
  }
  for (std::string_view rest = path.substr(1);;) {
    const auto slash = rest.find('/');
    const std::string_view component = rest.substr(0, slash);
    if (component.empty() || component == "." || component == "..") {
      return wrong("has an empty component, '.' or '..'");
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

Result<> check_workspaces(const std::vector<Workspace>& workspaces) {
  if (workspaces.size() > kMaxWorkspaces) {
    return fail(Errc::kInvalid, fmt::format("a guest has at most {} workspaces", kMaxWorkspaces));
  }
  for (const Workspace& workspace : workspaces) TRY_VOID(check_workspace_path(workspace.path));
  for (auto one = workspaces.begin(); one != workspaces.end(); ++one) {
    for (auto other = workspaces.begin(); other != workspaces.end(); ++other) {
      if (one == other || !lies_in(one->path, other->path)) continue;
      return fail(Errc::kInvalid, "two workspaces are the same folder, or one lies in the other");
    }
  }
  return {};
}

}  // namespace enforcer::hostproto
