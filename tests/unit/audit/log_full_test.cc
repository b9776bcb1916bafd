// A full disk, for real: a tmpfs of a few pages in a mount namespace of the test's own thread, and a file size limit.
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <functional>
#include <thread>

#include "audit/log.h"
#include "audit/verify.h"
#include "base/fd.h"
#include "scratch.h"

namespace enforcer::audit {
namespace {

void skip(const char* why) {
  std::printf("SKIP: audit: %s\n", why);
}

/// Runs `body` in a thread that alone sees a tmpfs of 64 KiB on `path`; false when this may not be done here.
bool on_small_disk(const std::string& path, const std::function<void()>& body) {
  bool mounted = false;
  std::thread([&] {
    mounted = unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
              mount("tmpfs", path.c_str(), "tmpfs", 0, "size=64k") == 0;
    if (mounted) body();
  }).join();
  return mounted;
}

/// A limit on the size of any file this process writes; writing beyond is a short write, then EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*signal_)(int);
};

enum class Attribute { kNone, kAppendOnly };

bool set_attribute(const std::string& path, Attribute attribute) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  int flags = 0;
  if (ioctl(file.get(), FS_IOC_GETFLAGS, &flags) != 0) return false;
  flags = attribute == Attribute::kAppendOnly ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
  return ioctl(file.get(), FS_IOC_SETFLAGS, &flags) == 0;
}

TEST_CASE("a_full_disk_refuses_records_and_takes_them_again_when_space_is_back") {
  const Folder folder;
  const bool ran = on_small_disk(folder.path(), [&] {
    const auto log = open_log({.path = folder.log(), .max_bytes = 1 << 20, .max_files = 2});
    std::ofstream(folder.path() + "/ballast") << std::string(40 * 1024, 'x');
    std::uint64_t written = 0;
    Result<> status;
    while ((status = log->write(some_lines(5, 1000)))) written += 5;
    CHECK(status.error().code == Errc::kIo);
    CHECK(status.error().message.ends_with("No space left on device"));
    CHECK_FALSE(log->write(some_lines(5, 1000)).has_value());
    CHECK(log->write_errors() == 10);
    check_sequence(records_of(folder.log()));  // no torn line: each one parses
    CHECK(records_of(folder.log()).size() == written);

    std::filesystem::remove(folder.path() + "/ballast");
    REQUIRE(log->write(some_lines(5, 1000)));
    CHECK(log->healthy());
    const auto records = records_of(folder.log());
    REQUIRE(records.size() == written + 6);
    CHECK(records[written]["event"] == "audit_gap");
    CHECK(records[written]["count"] == 10);
    check_sequence(records);
  });
  if (!ran) skip("needs root to mount a tmpfs");
}

TEST_CASE("a_write_that_came_in_part_is_taken_back") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  REQUIRE(log->write(some_lines(2)));
  const std::string before = read_file(folder.log());
  {
    const FileSizeLimit limit(before.size() + 700);
    CHECK_FALSE(log->write(some_lines(10, 100)).has_value());
  }
  CHECK(read_file(folder.log()) == before);
  REQUIRE(log->write(some_lines(1)));
  check_sequence(records_of(folder.log()));
}

TEST_CASE("where_it_cannot_be_taken_back_the_torn_line_is_ended_and_no_number_is_used_twice") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  REQUIRE(log->write(some_lines(2)));
  if (!set_attribute(folder.log(), Attribute::kAppendOnly)) return skip("needs root and a file system with chattr +a");
  {
    const FileSizeLimit limit(read_file(folder.log()).size() + 700);
    CHECK_FALSE(log->write(some_lines(10, 100)).has_value());
  }
  REQUIRE(log->write(some_lines(2)));
  set_attribute(folder.log(), Attribute::kNone);
  std::vector<nlohmann::json> records;
  std::size_t torn = 0;
  for (const std::string& line : lines_of(folder.log())) {
    nlohmann::json record = nlohmann::json::parse(line, nullptr, false);
    record.is_discarded() ? void(++torn) : records.push_back(std::move(record));
  }
  CHECK(torn == 1);
  CHECK(records.size() > 5);
  CHECK(records[records.size() - 3]["event"] == "audit_gap");
  check_sequence(records);
}

TEST_CASE("a_torn_line_is_told_of_also_where_only_its_end_arrived") {
  const Folder folder;
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(2)));
  std::ofstream(folder.log(), std::ios::app) << R"({"schema_version":1,"seq":3,"time":"20)";
  const auto log = open_log({.path = folder.log()});
  if (!set_attribute(folder.log(), Attribute::kAppendOnly)) return skip("needs root and a file system with chattr +a");
  const std::string before = read_file(folder.log());
  {
    const FileSizeLimit limit(before.size() + 1);
    CHECK_FALSE(log->write(some_lines(1)).has_value());
  }
  CHECK(read_file(folder.log()) == before + "\n");
  REQUIRE(log->write(some_lines(1)));
  set_attribute(folder.log(), Attribute::kNone);
  const auto found = verify({.path = folder.log()});
  REQUIRE(found);
  CHECK(found->findings.empty());
  CHECK(found->torn == 1);
}

}  // namespace
}  // namespace enforcer::audit
