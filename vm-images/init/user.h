// Who commands run as: the user `agent`, made at boot with the ids that the host names, so that what a command writes
// into a workspace belongs to whom the workspace belongs to.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace enforcer::guest {

struct UserIds {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// "UID:GID" in decimal, each at most 4294967294 (the last number means "none" to the kernel).
Result<UserIds> parse_user(std::string_view text);

/// What the files of an image's users become.
struct UserFiles {
  std::string passwd;
  std::string group;
  std::string shadow;
  std::string gshadow;
};

/// The same with a user `agent`: in place of one of that name or uid, without a password, in the groups `sudo` and
/// `docker` where there are any. A group of that gid stays as it is; where there is none it is called `agent`.
UserFiles add_agent(const UserFiles& files, UserIds ids, std::string_view shell);

/// Makes it in this system: /etc/passwd and its kin, /home/agent from /etc/skel, sudo without a password where there is
/// sudo. Nothing for an empty text (commands run as root then), and for uid 0.
Result<> make_user(const std::string& text);

/// What a process of a user needs to know.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::string shell;
  std::vector<gid_t> groups;  ///< for setgroups(2), `gid` first
};

/// The account `name` as these two files say it; nothing when they do not, or not in whole.
std::optional<Account> account_in(std::string_view passwd, std::string_view group, std::string_view name);

/// The same from /etc/passwd and /etc/group as they are now. kNotFound: "no user nosuch".
Result<Account> find_account(std::string_view name);

}  // namespace enforcer::guest
