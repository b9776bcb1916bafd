// doctor and the folders of the daemons: what it finds of them, and that its steps put right what they found, and
// nothing else.
#include "enforcerctl/doctor_folders.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "../control/fake_state.h"
#include "config/kept_folders.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl;

namespace {

namespace fs = std::filesystem;

constexpr Account kSomebody{.uid = 64777, .gid = 64777};

bool owns_folders() {
  if (geteuid() == 0) return true;
  fmt::print("SKIP: needs root, whose folders these are\n");
  return false;
}

/// An instance that nobody else has, gone at the end.
struct Instance {
  ~Instance() {
    for (const auto& folder : {paths.run_dir(), paths.state_dir()}) fs::remove_all(folder);
  }
  config::Paths paths = config::Paths::of(fmt::format("unit-doctor-{}", getpid()));
};

/// A folder that root alone can change, as are all those around it; gone at the end.
struct RootsFolder {
  RootsFolder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~RootsFolder() { fs::remove_all(path); }
  [[nodiscard]] std::string file(const std::string& name) const { return path + "/" + name; }
  std::string path = "/run/enforcer-unit-doctor-XXXXXX";
};

/// An empty file of somebody's.
void put(const std::string& path, const Account& account) {
  const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  REQUIRE(file.valid());
  REQUIRE(fchown(file.get(), account.uid, account.gid) == 0);
}

/// The audit folder, as enforcerd's.
void make_audit(const std::string& folder, mode_t mode) {
  REQUIRE(mkdir(folder.c_str(), 0700) == 0);
  REQUIRE(chown(folder.c_str(), kSomebody.uid, kSomebody.gid) == 0);
  REQUIRE(chmod(folder.c_str(), mode) == 0);
}

mode_t mode_of(const std::string& path) {
  struct stat status{};
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

uid_t owner_of(const std::string& path) {
  struct stat status{};
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status.st_uid;
}

/// Takes every step; all of them succeed.
void take_all(const Check& check) {
  for (const Mend& step : check.mends) {
    CAPTURE(step.what);
    const auto done = step.act();
    CHECK(done.has_value());
  }
}

void listen_as(const std::string& path, const Account& account) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(chown(path.c_str(), account.uid, account.gid) == 0);
}

}  // namespace

TEST_CASE("doctor_mends_folders_that_are_missing_or_were_opened_to_others") {
  if (!owns_folders()) return;
  const Instance instance;
  const Check missing = check_folders(instance.paths, kSomebody);
  CHECK(missing.verdict == Verdict::kWarn);
  CHECK(missing.found.contains(instance.paths.hostd_state_dir() + ": is not there"));
  CHECK_FALSE(fs::exists(instance.paths.run_dir()));  // to look changes nothing
  take_all(missing);
  const Check made = check_folders(instance.paths, kSomebody);
  CHECK(made.verdict == Verdict::kOk);
  CHECK(made.mends.empty());

  REQUIRE(chmod(instance.paths.state_dir().c_str(), 0777) == 0);
  REQUIRE(chmod(instance.paths.hostd_state_dir().c_str(), 0755) == 0);
  const Check open = check_folders(instance.paths, kSomebody);
  CHECK(open.found == fmt::format("{}: mode 0777, not 1770; {}: mode 0755, not 0700", instance.paths.state_dir(),
                                  instance.paths.hostd_state_dir()));
  CHECK(open.mends.size() == 2);
  take_all(open);
  take_all(open);  // once more is nothing
  CHECK(mode_of(instance.paths.state_dir()) == 01770);
  CHECK(mode_of(instance.paths.hostd_state_dir()) == 0700);
  CHECK(check_folders(instance.paths, kSomebody).verdict == Verdict::kOk);
}

TEST_CASE("doctor_leaves_what_enforcerd_put_into_the_place_of_a_folder_of_roots_to_a_person") {
  if (!owns_folders()) return;
  const Instance instance;
  take_all(check_folders(instance.paths, kSomebody));
  REQUIRE(chown(instance.paths.scratch_dir().c_str(), kSomebody.uid, kSomebody.gid) == 0);
  const Check planted = check_folders(instance.paths, kSomebody);
  CHECK(planted.verdict == Verdict::kWarn);
  CHECK(planted.found.contains("see who made it"));
  CHECK(planted.mends.empty());
  REQUIRE(rmdir(instance.paths.scratch_dir().c_str()) == 0);
  REQUIRE(symlink("/etc", instance.paths.scratch_dir().c_str()) == 0);
  const Check link = check_folders(instance.paths, kSomebody);
  CHECK(link.found.contains("is not a folder"));
  CHECK(link.mends.empty());
}

TEST_CASE("doctor_makes_the_audit_folder_and_corrects_its_mode") {
  if (!owns_folders()) return;
  const RootsFolder folder;
  const std::string audit = folder.file("audit");
  const std::string log = audit + "/audit.jsonl";
  const Check missing = check_audit_folder(log, log, kSomebody);
  CHECK(missing.mends.size() == 1);
  take_all(missing);
  CHECK(owner_of(audit) == kSomebody.uid);
  CHECK(mode_of(audit) == 0750);
  take_all(missing);  // once more is nothing
  CHECK(check_audit_folder(log, "", kSomebody).verdict == Verdict::kOk);

  put(log, kSomebody);
  put(log + ".1", kSomebody);
  for (const mode_t wrong : {0500, 0777, 0770, 0752, 01777}) {
    CAPTURE(wrong);
    REQUIRE(chmod(audit.c_str(), wrong) == 0);
    const Check check = check_audit_folder(log, log, kSomebody);
    CHECK(check.verdict == Verdict::kWarn);
    CHECK(check.mends.size() == 1);
    take_all(check);
    CHECK(mode_of(audit) == 0750);
  }
  for (const mode_t right : {0700, 0750, 0755}) {
    CAPTURE(right);
    REQUIRE(chmod(audit.c_str(), right) == 0);
    CHECK(check_audit_folder(log, log, kSomebody).verdict == Verdict::kOk);
  }
}

TEST_CASE("doctor_gives_enforcerd_no_audit_folder_that_somebody_else_has") {
  if (!owns_folders()) return;
  const RootsFolder folder;
  const std::string log = folder.file("audit") + "/audit.jsonl";
  const Check missing = check_audit_folder(log, log, kSomebody);
  REQUIRE(missing.mends.size() == 1);  // the control
  REQUIRE(mkdir(folder.file("audit").c_str(), 0755) == 0);
  const Check roots = check_audit_folder(log, log, kSomebody);
  CHECK(roots.verdict == Verdict::kWarn);
  CHECK(roots.found.contains("belongs to uid 0"));
  CHECK(roots.mends.empty());
  CHECK_FALSE(missing.mends.front().act().has_value());  // made by somebody since it was looked at
  CHECK(owner_of(folder.file("audit")) == 0);
}

TEST_CASE("doctor_mends_no_audit_folder_that_only_the_daemon_names") {
  if (!owns_folders()) return;
  const RootsFolder folder;
  const std::string configured = folder.file("audit") + "/audit.jsonl";
  const std::string other = folder.file("tmpfiles.d") + "/x";
  const Check check = check_audit_folder(configured, other, kSomebody);
  CHECK(check.verdict == Verdict::kWarn);
  CHECK(check.found == fmt::format("the configuration has the log at {}, and enforcerd says {}", configured, other));
  CHECK(check.mends.empty());
  CHECK(check_audit_folder(configured, configured, kSomebody).mends.size() == 1);  // the control
}

TEST_CASE("doctor_mends_no_audit_folder_that_holds_what_others_keep") {
  if (!owns_folders()) return;
  const RootsFolder folder;
  const std::string log = folder.file("audit") + "/audit.jsonl";
  make_audit(folder.file("audit"), 0777);
  CHECK(check_audit_folder(log, log, kSomebody).mends.size() == 1);  // the control
  put(folder.file("audit/syslog"), kSomebody);
  const Check shared = check_audit_folder(log, log, kSomebody);
  CHECK(shared.verdict == Verdict::kWarn);
  CHECK(shared.mends.empty());
}

TEST_CASE("doctor_warns_of_an_audit_log_that_is_not_enforcerds") {
  if (!owns_folders()) return;
  const RootsFolder folder;
  const std::string log = folder.file("audit") + "/audit.jsonl";
  make_audit(folder.file("audit"), 0750);
  put(log, kSomebody);
  put(log + ".head", kSomebody);
  CHECK(check_audit_folder(log, log, kSomebody).verdict == Verdict::kOk);  // the control
  for (const std::string& file : {log, log + ".head"}) {
    CAPTURE(file);
    REQUIRE(chown(file.c_str(), 0, 0) == 0);
    const Check roots = check_audit_folder(log, log, kSomebody);
    CHECK(roots.verdict == Verdict::kWarn);
    CHECK(roots.found == fmt::format("{} belongs to uid 0, and enforcerd is uid {}", file, kSomebody.uid));
    CHECK_FALSE(roots.advice.empty());
    CHECK(roots.mends.empty());
    REQUIRE(chown(file.c_str(), kSomebody.uid, kSomebody.gid) == 0);
  }
  fs::remove(log);
  REQUIRE(symlink("/etc/hostname", log.c_str()) == 0);
  CHECK(check_audit_folder(log, log, kSomebody).found.contains("is no regular file"));
}

TEST_CASE("doctor_mends_nothing_on_a_way_that_others_can_change") {
  if (!owns_folders()) return;
  const RootsFolder folder;
  const std::string log = folder.file("a/b/audit/audit.jsonl");
  fs::create_directories(folder.file("a/b"));
  const Check missing = check_audit_folder(log, log, kSomebody);
  REQUIRE(missing.mends.size() == 1);  // the control
  const auto nothing_is_mended = [&] {
    CHECK(check_audit_folder(log, log, kSomebody).mends.empty());
    CHECK_FALSE(missing.mends.front().act().has_value());  // nor by a step that was offered before
    CHECK_FALSE(fs::exists(log));
    CHECK_FALSE(fs::exists(folder.file("a/b/audit")));
  };
  for (const mode_t open : {0777, 0775, 01777, 0757}) {
    CAPTURE(open);
    REQUIRE(chmod(folder.file("a").c_str(), open) == 0);  // two levels up
    nothing_is_mended();
  }
  REQUIRE(chmod(folder.file("a").c_str(), 0755) == 0);
  REQUIRE(chown(folder.file("a").c_str(), kSomebody.uid, 0) == 0);
  nothing_is_mended();
  REQUIRE(chown(folder.file("a").c_str(), 0, 0) == 0);
  fs::rename(folder.file("a"), folder.file("moved"));
  REQUIRE(symlink("moved", folder.file("a").c_str()) == 0);
  nothing_is_mended();
  fs::remove(folder.file("a"));
  fs::rename(folder.file("moved"), folder.file("a"));
  take_all(missing);  // the control
  CHECK(owner_of(folder.file("a/b/audit")) == kSomebody.uid);
}

TEST_CASE("way_is_roots_where_no_other_can_change_it") {
  if (!owns_folders()) return;
  const RootsFolder folder;
  const std::string inner = folder.file("shared/x");
  REQUIRE(mkdir(folder.file("shared").c_str(), 0700) == 0);
  REQUIRE(chown(folder.file("shared").c_str(), 0, kSomebody.gid) == 0);
  const auto is_roots = [&](std::optional<gid_t> sharing) {
    return config::require_roots_way(inner, sharing).has_value();
  };
  CHECK(is_roots(std::nullopt));
  REQUIRE(chmod(folder.file("shared").c_str(), 01775) == 0);
  CHECK(is_roots(kSomebody.gid));
  CHECK_FALSE(is_roots(std::nullopt));
  CHECK_FALSE(is_roots(kSomebody.gid + 1));
  REQUIRE(chmod(folder.file("shared").c_str(), 0775) == 0);  // who writes it can replace what root has in it
  CHECK_FALSE(is_roots(kSomebody.gid));
  CHECK(config::require_roots_way("/x", std::nullopt).has_value());
  for (const char* wrong : {"", "x", "run/x", "/run/../run/x", "/tmp/x", "/nonexistent/x", "/proc/self/x"}) {
    CAPTURE(wrong);
    CHECK_FALSE(config::require_roots_way(wrong, std::nullopt).has_value());
  }
}

TEST_CASE("doctor_takes_the_user_of_this_host_only_where_no_folder_is_another_groups") {
  if (!owns_folders()) return;
  const passwd* user = getpwnam("daemon");
  REQUIRE(user != nullptr);
  const Account daemon{.uid = user->pw_uid, .gid = user->pw_gid};
  const Instance instance;
  CHECK(account_of_enforcerd(instance.paths, "daemon") == daemon);  // no folder is there
  take_all(check_folders(instance.paths, daemon));
  CHECK(account_of_enforcerd(instance.paths, "daemon") == daemon);
  for (const auto& path : {instance.paths.run_dir(), instance.paths.state_dir()}) {
    CAPTURE(path);
    REQUIRE(chown(path.c_str(), 0, kSomebody.gid) == 0);
    CHECK(account_of_enforcerd(instance.paths, "daemon") == std::nullopt);
    REQUIRE(chown(path.c_str(), 0, daemon.gid) == 0);
  }
  fs::remove_all(instance.paths.run_dir());  // as after a boot
  CHECK(account_of_enforcerd(instance.paths, "daemon") == daemon);
  REQUIRE(chown(instance.paths.state_dir().c_str(), 0, kSomebody.gid) == 0);
  CHECK(account_of_enforcerd(instance.paths, "daemon") == std::nullopt);
}

TEST_CASE("doctor_believes_a_control_socket_only_where_root_keeps_the_folder") {
  if (!owns_folders()) return;
  const Instance instance;
  CHECK(account_of_enforcerd(instance.paths, "nobody-of-this-name") == std::nullopt);
  CHECK(account_of_enforcerd(instance.paths, "root") == std::nullopt);
  CHECK(check_folders(instance.paths, std::nullopt).verdict == Verdict::kWarn);
  CHECK(check_audit_folder("/nonexistent/audit.jsonl", "", std::nullopt).mends.empty());
  take_all(check_folders(instance.paths, kSomebody));
  listen_as(instance.paths.control_socket(), kSomebody);
  CHECK(account_of_enforcerd(instance.paths, "nobody-of-this-name") == kSomebody);
  REQUIRE(chmod(instance.paths.run_dir().c_str(), 01777) == 0);
  CHECK(account_of_enforcerd(instance.paths, "nobody-of-this-name") == std::nullopt);
  REQUIRE(chmod(instance.paths.run_dir().c_str(), 01775) == 0);
  REQUIRE(chown(instance.paths.control_socket().c_str(), 0, 0) == 0);
  CHECK(account_of_enforcerd(instance.paths, "nobody-of-this-name") == std::nullopt);
}
