#include "workspaces.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <ranges>

#include "base/fd.h"

namespace enforcer::guest {
namespace {

constexpr std::size_t kLongestTag = 36;  // virtio 1.2, 5.11.4: the tag's field

std::optional<Error> missing;
std::vector<std::string> mounted;

bool is_tag_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

bool is_plain(char c) {
  return is_tag_character(c) || c == '/' || c == '.';
}

/// -1: no digit.
int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decode_path(std::string_view text) {
  std::string path;
  while (!text.empty()) {
    const char c = text.front();
    if (is_plain(c)) {
      path += c;
      text.remove_prefix(1);
      continue;
    }
    const int high = c == '%' && text.size() >= 3 ? digit_of(text[1]) : -1;
    const int low = high >= 0 ? digit_of(text[2]) : -1;
    if (low < 0) return fail(Errc::kInvalid, "its path is not percent-encoded");
    const int octet = high * 16 + low;
    if (octet < 0x20 || octet == 0x7f) return fail(Errc::kInvalid, "its path holds a control character");
    path += static_cast<char>(octet);
    text.remove_prefix(3);
  }
  return path;
}

Result<> judge_path(std::string_view path) {
  if (!path.starts_with('/') || path == "/") return fail(Errc::kInvalid, "its path is not absolute");
  for (const auto part : std::views::split(path.substr(1), '/')) {
    const std::string_view name(part.begin(), part.end());
    if (name.empty() || name == "." || name == "..")
      return fail(Errc::kInvalid, "its path has an empty, '.' or '..' component");
  }
  return {};
}

Result<> mount_workspace(const SharedFolder& workspace) {
  std::error_code error;
  std::filesystem::create_directories(workspace.path, error);
  if (error) return fail(Errc::kIo, workspace.path + ": " + error.message());
  unsigned long flags = MS_NODEV | MS_NOSUID;
  if (workspace.access == SharedFolder::Access::kReadOnly) flags |= MS_RDONLY;
  if (::mount(workspace.tag.c_str(), workspace.path.c_str(), "virtiofs", flags, "") != 0)
    return fail_errno("virtiofs " + workspace.tag + " on " + workspace.path);
  mounted.push_back(workspace.path);
  return {};
}

Result<> mount_all(const std::vector<std::string>& texts) {
  std::vector<SharedFolder> workspaces;
  for (const std::string& text : texts) workspaces.push_back(TRY(parse_workspace(text)));
  std::ranges::sort(workspaces, {}, &SharedFolder::path);
  for (const SharedFolder& workspace : workspaces) TRY_VOID(mount_workspace(workspace));
  return {};
}

}  // namespace

Result<SharedFolder> parse_workspace(std::string_view text) {
  const auto wrong = [text](std::string_view what) {
    return fail(Errc::kInvalid, "enforcer.workspace=" + std::string(text) + ": " + std::string(what));
  };
  const auto first = text.find(':');
  const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos) return wrong("not TAG:rw|ro:PATH");
  SharedFolder workspace;
  workspace.tag = text.substr(0, first);
  if (workspace.tag.empty() || workspace.tag.size() > kLongestTag ||
      !std::ranges::all_of(workspace.tag, is_tag_character))
    return wrong("not a tag of virtiofs");
  const std::string_view access = text.substr(first + 1, second - first - 1);
  if (access != "rw" && access != "ro") return wrong("access is neither rw nor ro");
  if (access == "rw") workspace.access = SharedFolder::Access::kReadWrite;
  const auto path = decode_path(text.substr(second + 1));
  if (!path) return wrong(path.error().message);
  if (const auto judged = judge_path(*path); !judged) return wrong(judged.error().message);
  workspace.path = *path;
  return workspace;
}

Result<> mount_workspaces(const std::vector<std::string>& texts) {
  const auto done = mount_all(texts);
  if (!done) missing = done.error();
  return done;
}

Result<> workspaces_ready() {
  if (missing) return fail(Errc::kUnavailable, "the guest has no workspace: " + missing->message);
  return {};
}

void flush_workspaces() {
  for (const std::string& path : mounted)
    if (const Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); folder.valid())
      ::syncfs(folder.get());
}

}  // namespace enforcer::guest
