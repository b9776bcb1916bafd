// doctor and the folders of the daemons: what it finds of them, and that its steps put right what they found, and
// nothing else.
#include "enforcerctl/doctor_folders.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
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

TEST_CASE("doctor_gives_the_audit_folder_back_to_enforcerd") {
  if (!owns_folders()) return;
  const TemporaryFolder folder;
  const std::string audit = folder.file("audit");
  const std::string log = audit + "/audit.jsonl";
  take_all(check_audit_folder(log, kSomebody));
  CHECK(owner_of(audit) == kSomebody.uid);
  CHECK(mode_of(audit) == 0750);
  CHECK(check_audit_folder(log, kSomebody).verdict == Verdict::kOk);

  REQUIRE(chown(audit.c_str(), 0, 0) == 0);
  folder.write("audit/audit.jsonl", "");
  folder.write("audit/audit.jsonl.1", "");
  const Check taken = check_audit_folder(log, kSomebody);
  CHECK(taken.verdict == Verdict::kWarn);
  REQUIRE(taken.mends.size() == 1);
  take_all(taken);
  CHECK(owner_of(audit) == kSomebody.uid);
  REQUIRE(chmod(audit.c_str(), 0500) == 0);
  CHECK(check_audit_folder(log, kSomebody).mends.size() == 1);
}

TEST_CASE("doctor_gives_nothing_away_that_is_not_the_audit_logs_alone") {
  if (!owns_folders()) return;
  const TemporaryFolder folder;
  const std::string log = folder.file("audit") + "/audit.jsonl";
  REQUIRE(mkdir(folder.file("audit").c_str(), 0755) == 0);
  CHECK(check_audit_folder(log, kSomebody).mends.size() == 1);  // the control
  folder.write("audit/syslog", "");
  const Check shared = check_audit_folder(log, kSomebody);
  CHECK(shared.verdict == Verdict::kWarn);
  CHECK(shared.mends.empty());
  fs::remove(folder.file("audit/syslog"));
  CHECK(check_audit_folder(log, kSomebody).mends.size() == 1);
  REQUIRE(chmod(folder.file("").c_str(), 01777) == 0);  // where anybody could swap it for a link
  CHECK(check_audit_folder(log, kSomebody).mends.empty());
}

TEST_CASE("doctor_believes_a_control_socket_only_where_root_keeps_the_folder") {
  if (!owns_folders()) return;
  const Instance instance;
  CHECK(account_of_enforcerd(instance.paths, "nobody-of-this-name") == std::nullopt);
  CHECK(account_of_enforcerd(instance.paths, "root") == std::nullopt);
  CHECK(check_folders(instance.paths, std::nullopt).verdict == Verdict::kWarn);
  CHECK(check_audit_folder("/nonexistent/audit.jsonl", std::nullopt).mends.empty());
  take_all(check_folders(instance.paths, kSomebody));
  listen_as(instance.paths.control_socket(), kSomebody);
  CHECK(account_of_enforcerd(instance.paths, "nobody-of-this-name") == kSomebody);
  REQUIRE(chmod(instance.paths.run_dir().c_str(), 01777) == 0);
  CHECK(account_of_enforcerd(instance.paths, "nobody-of-this-name") == std::nullopt);
  REQUIRE(chmod(instance.paths.run_dir().c_str(), 01775) == 0);
  REQUIRE(chown(instance.paths.control_socket().c_str(), 0, 0) == 0);
  CHECK(account_of_enforcerd(instance.paths, "nobody-of-this-name") == std::nullopt);
}
