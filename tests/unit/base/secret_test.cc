#include "base/secret.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <type_traits>

using namespace enforcer;

namespace {

/// What the kernel says about the mapping of an address (proc(5), smaps): "rd wr mr mw me lo dd …".
std::string flags_of(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) inside = begin <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

/// Runs `body` in a child process; its exit status.
template <class Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Makes copies, prints and comparisons compile errors.
static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!fmt::is_formattable<Secret>::value);
template <class T>
concept Comparable = requires(const T& a, const T& b) { a == b; };
static_assert(Comparable<std::string> && !Comparable<Secret>);

}  // namespace

TEST_CASE("invariant_6_a_secret_is_locked_and_left_out_of_core_files") {
  const auto secret = Secret::copy_of("S3CR3T");
  REQUIRE(secret.has_value());
  CHECK(secret->reveal() == "S3CR3T");
  const std::string flags = flags_of(secret->reveal().data());
  CAPTURE(flags);
  CHECK(flags.contains(" lo "));
  CHECK(flags.contains(" dd "));
  CHECK(flags.contains(" wf "));
  const std::string ordinary = flags_of(&flags);  // the control: an ordinary page
  CHECK_FALSE(ordinary.contains(" lo "));
  CHECK_FALSE(ordinary.contains(" dd "));
}

TEST_CASE("a_secret_is_zeros_in_a_forked_child") {
  const auto secret = Secret::copy_of("S3CR3T");
  REQUIRE(secret.has_value());
  CHECK(in_child([&] { return secret->reveal() == std::string(6, '\0') ? 7 : 1; }) == 7);
  CHECK(secret->reveal() == "S3CR3T");
}

TEST_CASE("a_moved_secret_leaves_nothing_behind") {
  auto first = Secret::copy_of("first");
  auto second = Secret::copy_of("second");
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  const char* const before = second->reveal().data();
  *first = *std::move(second);  // the first one's pages are gone now, wiped
  CHECK(first->reveal() == "second");
  CHECK(first->reveal().data() == before);
  CHECK(second->reveal().empty());
  Secret third(*std::move(first));
  CHECK(third.reveal() == "second");
  CHECK(first->reveal().empty());
}

TEST_CASE("secrets_have_a_size_between_one_byte_and_64_kib") {
  CHECK(Secret::copy_of("").error().code == Errc::kInvalid);
  CHECK(Secret::copy_of(std::string(Secret::kMaxSize, 'x'))->reveal().size() == Secret::kMaxSize);
  const auto error = Secret::copy_of(std::string(Secret::kMaxSize + 1, 'x')).error();
  CHECK(error.code == Errc::kInvalid);
  CHECK_FALSE(error.message.contains("xx"));
}

TEST_CASE("without_locked_memory_there_is_no_secret_and_the_error_says_what_to_do") {
  const int status = in_child([] {
    // root is exempt from the limit, so: somebody else.
    if (getuid() == 0 && (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)) return 1;
    const rlimit little{.rlim_cur = 8192, .rlim_max = 8192};
    if (setrlimit(RLIMIT_MEMLOCK, &little) != 0) return 2;
    const auto one = Secret::copy_of("one");
    if (!one) return 3;
    {
      const auto two = Secret::copy_of("two");
      if (!two) return 4;
      const auto three = Secret::copy_of("three");
      if (three || three.error().code != Errc::kUnavailable) return 5;
      if (!three.error().message.contains("RLIMIT_MEMLOCK is 8 KiB") ||
          !three.error().message.contains("LimitMEMLOCK="))
        return 6;
      if (three.error().message.contains("three")) return 7;
    }
    return Secret::copy_of("four") ? 42 : 8;  // what the second one held can be had again
  });
  CHECK(status == 42);
}

TEST_CASE("wipe_overwrites") {
  std::string text = "S3CR3T";
  wipe(text);
  CHECK(text == std::string(6, '\0'));
}
