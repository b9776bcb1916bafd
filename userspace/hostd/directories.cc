#include "hostd/directories.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <charconv>
#include <optional>

#include "base/peer.h"
#include "config/kept_folders.h"

namespace enforcer::hostd {
namespace {

std::optional<std::uint32_t> parse_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), id);
  // The highest number stands for "no change" in chown(2).
  if (text.empty() || status != std::errc{} || end != text.data() + text.size() || id == 0xffffffff)
    return std::nullopt;
  return id;
}

}  // namespace

Result<Owner> parse_owner(const std::string& text) {
  Owner owner;
  const auto colon = text.find(':');
  const auto uid = parse_id(text.substr(0, colon));
  const passwd* user = uid ? getpwuid(*uid) : getpwnam(text.c_str());
  if (uid) {
    owner = {.uid = *uid, .gid = user != nullptr ? user->pw_gid : *uid};
  } else if (user != nullptr) {
    owner = {.uid = user->pw_uid, .gid = user->pw_gid};
  } else {
    return fail(Errc::kInvalid, fmt::format("there is no user '{}' for enforcerd: create it, or name another with "
                                            "--enforcerd-user",
                                            text));
  }
  if (colon != std::string::npos) {
    const auto gid = parse_id(text.substr(colon + 1));
    if (!uid || !gid) return fail(Errc::kInvalid, fmt::format("'{}' is not UID:GID", text));
    owner.gid = *gid;
  }
  if (owner.uid == 0) return fail(Errc::kInvalid, "enforcerd must not run as root");
  return owner;
}

std::optional<gid_t> parse_group(const std::string& text) {
  const auto gid = parse_id(text);
  return gid ? std::optional<gid_t>(*gid) : group_named(text.c_str());
}

Result<> make_directories(const config::Paths& paths, const Owner& enforcerd) {
  for (const config::KeptFolder& folder : config::kept_folders(paths, enforcerd.gid)) {
    TRY_VOID(config::make_or_correct(folder));
  }
  return {};
}

}  // namespace enforcer::hostd
