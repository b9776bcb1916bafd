#include "user.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "files.h"
#include "trust.h"

namespace enforcer::guest {
namespace {

constexpr std::string_view kAgent = "agent";
const std::filesystem::path kHome = "/home/agent";
constexpr std::string_view kGroupsOfAgent[] = {"sudo", "docker"};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// One of these files: lines of fields with colons between them.
using Table = std::vector<std::vector<std::string>>;

Table parse_table(std::string_view text) {
  Table table;
  for (const std::string& line : split(text, '\n'))
    if (!line.empty()) table.push_back(split(line, ':'));
  return table;
}

std::string table_text(const Table& table) {
  std::string text;
  for (const auto& fields : table) {
    for (const std::string& field : fields) (text += field) += ':';
    text.back() = '\n';
  }
  return text;
}

/// An id of a user or a group.
std::optional<uid_t> parse_id(std::string_view text) {
  uid_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == static_cast<uid_t>(-1)) return std::nullopt;
  return id;
}

bool has_id(const std::vector<std::string>& fields, uid_t id) {
  return fields.size() > 2 && parse_id(fields[2]) == id;
}

void drop_named(Table& table, std::string_view name) {
  std::erase_if(table, [name](const auto& fields) { return fields[0] == name; });
}

/// The last field of a line of group and gshadow names members.
void join_groups(Table& table) {
  for (auto& fields : table) {
    if (fields.size() != 4) continue;
    auto members = fields[3].empty() ? std::vector<std::string>() : split(fields[3], ',');
    std::erase(members, kAgent);
    if (std::ranges::find(kGroupsOfAgent, fields[0]) != std::end(kGroupsOfAgent)) members.emplace_back(kAgent);
    fields[3] = fmt::format("{}", fmt::join(members, ","));
  }
}

Result<> copy_skeleton(UserIds ids) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(kHome, error);
  if (!error && fs::exists("/etc/skel", error))
    fs::copy("/etc/skel", kHome,
             fs::copy_options::recursive | fs::copy_options::copy_symlinks | fs::copy_options::skip_existing, error);
  if (error) return fail(Errc::kIo, kHome.string() + ": " + error.message());
  if (::chown(kHome.c_str(), ids.uid, ids.gid) != 0 || ::chmod(kHome.c_str(), 0755) != 0)
    return fail_errno(kHome.string());
  for (const auto& entry : fs::recursive_directory_iterator(kHome, error))
    if (::lchown(entry.path().c_str(), ids.uid, ids.gid) != 0) return fail_errno(entry.path().string());
  return {};
}

/// It is the guest that is the boundary, and not root in it. What sudo would take out of the environment are variables
/// without which programs do not trust the host's CA.
Result<> allow_sudo() {
  const std::filesystem::path folder = "/etc/sudoers.d";
  if (!std::filesystem::exists(folder)) return {};
  std::string text = fmt::format("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", kAgent);
  for (const std::string_view variable : trust_variables()) text += fmt::format("Defaults env_keep += {}\n", variable);
  TRY_VOID(replace_text(folder / "enforcer", text));
  if (::chmod((folder / "enforcer").c_str(), 0440) != 0) return fail_errno((folder / "enforcer").string());
  return {};
}

}  // namespace

Result<UserIds> parse_user(std::string_view text) {
  const auto colon = text.find(':');
  const auto uid = parse_id(text.substr(0, colon));
  const auto gid = colon == std::string_view::npos ? std::nullopt : parse_id(text.substr(colon + 1));
  if (!uid || !gid) return fail(Errc::kInvalid, "enforcer.user=" + std::string(text) + ": not UID:GID");
  return UserIds{*uid, *gid};
}

UserFiles add_agent(const UserFiles& files, UserIds ids, std::string_view shell) {
  Table passwd = parse_table(files.passwd);
  Table group = parse_table(files.group);
  Table shadow = parse_table(files.shadow);
  Table gshadow = parse_table(files.gshadow);
  for (const auto& fields : passwd)
    if (has_id(fields, ids.uid)) drop_named(shadow, fields[0]);
  std::erase_if(passwd, [&](const auto& fields) { return has_id(fields, ids.uid); });
  for (Table* table : {&passwd, &shadow}) drop_named(*table, kAgent);
  // A group `agent` of another gid makes room for ours.
  const auto is_taken_name = [&](const auto& fields) { return fields[0] == kAgent && !has_id(fields, ids.gid); };
  if (std::erase_if(group, is_taken_name) > 0) drop_named(gshadow, kAgent);

  passwd.push_back({std::string(kAgent), "x", fmt::format("{}", ids.uid), fmt::format("{}", ids.gid), "agent",
                    kHome.string(), std::string(shell)});
  // No password fits "*"; the empty field behind it: none ever has to be changed.
  shadow.push_back({std::string(kAgent), "*", "", "0", "99999", "7", "", "", ""});
  if (std::ranges::none_of(group, [&](const auto& fields) { return has_id(fields, ids.gid); })) {
    group.push_back({std::string(kAgent), "x", fmt::format("{}", ids.gid), ""});
    gshadow.push_back({std::string(kAgent), "*", "", ""});
  }
  join_groups(group);
  join_groups(gshadow);
  return {table_text(passwd), table_text(group), table_text(shadow), table_text(gshadow)};
}

Result<> make_user(const std::string& text) {
  if (text.empty()) return {};
  const UserIds ids = TRY(parse_user(text));
  if (ids.uid == 0) return {};
  const UserFiles old{read_text("/etc/passwd"), read_text("/etc/group"), read_text("/etc/shadow"),
                      read_text("/etc/gshadow")};
  const UserFiles files = add_agent(old, ids, ::access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh");
  TRY_VOID(replace_text("/etc/passwd", files.passwd));
  TRY_VOID(replace_text("/etc/group", files.group));
  // An image without them keeps its passwords, if any, in the first two.
  if (!old.shadow.empty()) TRY_VOID(replace_text("/etc/shadow", files.shadow));
  if (!old.gshadow.empty()) TRY_VOID(replace_text("/etc/gshadow", files.gshadow));
  TRY_VOID(copy_skeleton(ids));
  return allow_sudo();
}

std::optional<Account> account_in(std::string_view passwd, std::string_view group, std::string_view name) {
  std::optional<Account> account;
  for (const auto& fields : parse_table(passwd)) {
    if (account || fields.size() != 7 || fields[0] != name) continue;
    const auto uid = parse_id(fields[2]);
    const auto gid = parse_id(fields[3]);
    if (uid && gid) account = Account{*uid, *gid, fields[5], fields[6].empty() ? "/bin/sh" : fields[6], {*gid}};
  }
  if (!account) return account;
  for (const auto& fields : parse_table(group)) {
    const auto gid = fields.size() == 4 ? parse_id(fields[2]) : std::nullopt;
    if (!gid || std::ranges::find(account->groups, *gid) != account->groups.end()) continue;
    const auto members = split(fields[3], ',');
    if (std::ranges::find(members, name) != members.end()) account->groups.push_back(*gid);
  }
  return account;
}

Result<Account> find_account(std::string_view name) {
  const auto account = account_in(read_text("/etc/passwd"), read_text("/etc/group"), name);
  if (!account) return fail(Errc::kNotFound, fmt::format("no user {}", name));
  return *account;
}

}  // namespace enforcer::guest
