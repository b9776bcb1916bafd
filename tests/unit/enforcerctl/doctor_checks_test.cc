// doctor on the host: what each check says of what it finds.
#include "enforcerctl/doctor_checks.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "../temporary_folder.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;

namespace {

/// A check that is not well says what to do, one that is well says nothing of it.
Verdict verdict_of(const Check& check) {
  CAPTURE(check.found);
  CHECK_FALSE(check.name.empty());
  CHECK_FALSE(check.found.empty());
  CHECK(check.advice.empty() == (check.verdict == Verdict::kOk));
  return check.verdict;
}

control::Status well_status() {
  control::Status status{.version = "1.2.3", .instance = "test"};
  status.generation = 5;
  status.hostd_connected = true;
  status.audit.path = "/var/log/audit.jsonl";
  return status;
}

}  // namespace

TEST_CASE("doctor_says_what_the_daemon_says") {
  control::Status status = well_status();
  CHECK(verdict_of(check_daemon(status)) == Verdict::kOk);
  CHECK(verdict_of(check_daemon(fail(Errc::kUnavailable, "nobody answers"))) == Verdict::kFail);
  CHECK(check_daemon(fail(Errc::kDenied, "not permitted")).advice.contains("enforcer-viewer"));
  CHECK(verdict_of(check_hostd(status)) == Verdict::kOk);
  CHECK(verdict_of(check_audit(status)) == Verdict::kOk);
  CHECK(verdict_of(check_policies(status)) == Verdict::kOk);
  status.hostd_connected = false;
  CHECK(verdict_of(check_hostd(status)) == Verdict::kFail);
  status.audit.write_errors = 2;
  CHECK(verdict_of(check_audit(status)) == Verdict::kWarn);
  status.audit.healthy = false;
  CHECK(verdict_of(check_audit(status)) == Verdict::kFail);
  status.last_reload = {.successful = false, .time = {}, .error = "a.yaml:1:1: error"};
  CHECK(verdict_of(check_policies(status)) == Verdict::kWarn);
  CHECK(check_policies(status).found.contains("a.yaml:1:1: error"));
  status.generation = 0;
  CHECK(verdict_of(check_policies(status)) == Verdict::kFail);
}

TEST_CASE("doctor_wants_linux_6_1") {
  for (const char* enough : {"6.1.0-18-amd64", "6.1", "6.10.3", "7.0.0", "10.2.1+deb"}) {
    CAPTURE(enough);
    CHECK(verdict_of(check_kernel(enough)) == Verdict::kOk);
  }
  for (const char* old : {"6.0.19", "5.15.0", "4.9.0"}) {
    CAPTURE(old);
    CHECK(verdict_of(check_kernel(old)) == Verdict::kFail);
  }
  for (const char* wrong : {"", "six", "6", "6.", "6.x"}) {
    CAPTURE(wrong);
    CHECK(verdict_of(check_kernel(wrong)) == Verdict::kWarn);
  }
}

TEST_CASE("doctor_knows_a_bpffs_and_a_kvm_from_others") {
  CHECK(verdict_of(check_bpffs("/proc")) == Verdict::kWarn);
  CHECK(verdict_of(check_bpffs("/nonexistent")) == Verdict::kWarn);
  CHECK(check_bpffs("/nonexistent").mends.size() == 1);
  using config::Accelerator;
  CHECK(verdict_of(check_kvm("/nonexistent", Accelerator::kAuto, "")) == Verdict::kWarn);
  CHECK(verdict_of(check_kvm("/nonexistent", Accelerator::kKvm, "")) == Verdict::kFail);
  CHECK(verdict_of(check_kvm("/nonexistent", Accelerator::kTcg, "tcg")) == Verdict::kOk);
  CHECK(verdict_of(check_kvm("/nonexistent", Accelerator::kAuto, "kvm")) == Verdict::kOk);
  CHECK(verdict_of(check_kvm("/dev/null", Accelerator::kAuto, "tcg")) == Verdict::kWarn);
  CHECK(check_kvm("/dev/null", Accelerator::kAuto, "unknown").found.contains("is none"));
}

TEST_CASE("doctor_looks_for_images_and_workspaces") {
  const TemporaryFolder folder;
  const Check none = check_images({folder.file("none")});
  CHECK(verdict_of(none) == Verdict::kWarn);
  CHECK(none.found == "no folder: " + folder.file("none"));
  CHECK_FALSE(none.advice.contains("as root"));  // nobody could read what is not there
  const std::string root = folder.file("images");
  std::filesystem::create_directories(root + "/half");
  std::filesystem::create_directories(root + "/mini");
  CHECK(check_images({root}).found.contains("none below"));
  std::filesystem::create_directories(root + "/.agent.1.new");
  const auto describe = [&root](const std::string& image, const std::string& text) {
    std::ofstream(root + image + "/image.json") << text;
  };
  describe("/.agent.1.new", "{}");
  describe("/mini", R"({"profile":"mini","kernel_version":"6.1","memory_mib":256,"files":{)"
                    R"("vmlinuz":{"size":1,"sha256":")" +
                        std::string(64, 'a') + R"("},"initramfs":{"size":1,"sha256":")" + std::string(64, 'a') +
                        R"("}}})");
  const Check found = check_images({folder.file("none"), root});
  CHECK(verdict_of(found) == Verdict::kOk);
  CHECK(found.found == "mini");
  for (const char* broken :
       {"", "{}", "{", R"({"profile":"agent","kernel_version":"6.1","memory_mib":1,"files":{}})"}) {
    CAPTURE(broken);
    std::filesystem::create_directories(root + "/agent");
    describe("/agent", broken);
    const Check warned = check_images({root});
    CHECK(verdict_of(warned) == Verdict::kWarn);
    CHECK(warned.found.starts_with(root + "/agent/image.json: "));
    CHECK(check_images({root, root}).found == warned.found);  // once
    std::filesystem::remove_all(root + "/agent");
  }
  CHECK(verdict_of(check_images({root})) == Verdict::kOk);

  CHECK(verdict_of(check_workspaces({root})) == Verdict::kOk);
  const Check missing = check_workspaces({root, root + "/mini/image.json", folder.file("none")});
  CHECK(verdict_of(missing) == Verdict::kWarn);
  CHECK(missing.found == "no folder: " + root + "/mini/image.json, " + folder.file("none"));
}

TEST_CASE("doctor_looks_at_the_clock_the_disks_and_the_groups") {
  const auto at = [](std::int64_t since_1970) { return WallClock::time_point(std::chrono::seconds(since_1970)); };
  CHECK(verdict_of(check_clock(at(1'767'225'600), ClockState::kSynchronised)) == Verdict::kOk);
  CHECK(verdict_of(check_clock(at(1'767'225'599), ClockState::kSynchronised)) == Verdict::kFail);
  CHECK(verdict_of(check_clock(at(1'767'225'600), ClockState::kUnsynchronised)) == Verdict::kWarn);

  const TemporaryFolder folder;
  CHECK(verdict_of(check_space("here", folder.file(""), 1)) != Verdict::kWarn);
  CHECK(check_space("here", folder.file(""), 1).found.contains("MiB free"));
  CHECK(verdict_of(check_space("here", folder.file("none"), 1)) == Verdict::kWarn);
  // All of 64 bits is more than any disk has; /proc has nothing at all.
  CHECK(verdict_of(check_space("here", folder.file(""), ~std::uint64_t{0})) != Verdict::kOk);
  CHECK(verdict_of(check_space("here", "/proc", 1)) == Verdict::kFail);

  control::RoleGroups groups{.viewer = 1, .reviewer = 2, .admin = 3};
  CHECK(verdict_of(check_groups(groups)) == Verdict::kOk);
  groups.reviewer.reset();
  CHECK(verdict_of(check_groups(groups)) == Verdict::kWarn);
  CHECK(check_groups(groups).found.contains("enforcer-reviewer"));
  REQUIRE(check_groups(groups).mends.size() == 1);
  CHECK(check_groups(groups).mends.front().what.starts_with("make enforcer-reviewer,"));
}

TEST_CASE("doctor_prints_its_checks_and_exits_with_3_when_one_failed") {
  FakeDaemon daemon;
  const Ran table = run_with(daemon, {"doctor"});
  CHECK(table.out.starts_with("CHECK"));
  CHECK(table.out.contains("1.2.3, instance test"));
  const auto json = nlohmann::json::parse(run_with(daemon, {"doctor", "-o", "json"}).out);
  CHECK(json.at("api_version") == "v1");
  bool failed = false;
  std::set<std::string> names;
  for (const auto& check : json.at("checks")) {
    names.insert(check.at("name"));
    failed = failed || check.at("verdict") == "fail";
    CHECK((check.at("verdict") == "ok") == check.at("advice").get<std::string>().empty());
    CHECK((check.at("verdict") != "ok" || check.at("fixable") == false));
  }
  CHECK(json.at("failed") == failed);
  CHECK(table.status == (failed ? 3 : 0));
  for (const char* name : {"enforcerd", "enforcer-hostd", "audit log", "policies", "kernel", "bpffs", "KVM", "images",
                           "workspaces", "clock", "folders", "audit folder", "audit space", "state space", "groups"}) {
    CAPTURE(name);
    CHECK(names.contains(name));
  }

  daemon.stop();
  const Ran alone = run_with(daemon, {"doctor"});
  CHECK(alone.status == 3);
  CHECK(alone.out.contains("systemctl start enforcerd"));
  CHECK_FALSE(alone.out.contains("enforcer-hostd   "));
  CHECK(run_with(daemon, {"doctor", "extra"}).status == 2);
  CHECK(run_with(daemon, {"doctor", "--fix", "--guest", "g1"}).status == 2);
}
