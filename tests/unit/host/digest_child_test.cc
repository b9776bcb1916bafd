#include "host/digest_child.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/digest.h"

namespace enforcer::host {
namespace {

Fd file_with(std::string_view text) {
  Fd file(::memfd_create("digest-child-test", MFD_CLOEXEC));
  REQUIRE(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return file;
}

TEST_CASE("digests_come_in_the_order_of_the_files") {
  const std::string large(3'000'000, 'x');
  const Fd first = file_with(large);
  const Fd second = file_with("abc");
  auto child = DigestChild::start({first.get(), second.get()});
  REQUIRE(child);
  pollfd waiting{child->ready(), POLLIN, 0};
  REQUIRE(::poll(&waiting, 1, 20'000) == 1);
  const auto digests = child->finish();
  REQUIRE(digests.size() == 2);
  CHECK(*digests[0] == sha256_hex(large));
  // FIPS 180-4, the example of one block.
  CHECK(*digests[1] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("file_that_cannot_be_read_is_an_error_of_its_own") {
  const Fd readable = file_with("abc");
  const Fd folder(::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto child = DigestChild::start({folder.get(), readable.get()});
  REQUIRE(child);
  const auto digests = child->finish();
  REQUIRE_FALSE(digests[0]);
  CHECK(digests[0].error().code == Errc::kIo);
  CHECK(digests[0].error().message == "Is a directory");
  CHECK(digests[1]);
}

TEST_CASE("child_keeps_nothing_open_and_is_gone_with_its_owner") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  // Large enough that the child is still at it when our copy is closed; and then end of file is not for its end alone.
  const Fd file(::memfd_create("digest-child-test", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), off_t{20} << 30) == 0);
  {
    auto child = DigestChild::start({file.get()});
    REQUIRE(child);
    writing.reset();
    pollfd closed{reading.get(), POLLIN, 0};
    CHECK(::poll(&closed, 1, 20'000) == 1);
    CHECK((closed.revents & POLLHUP) != 0);
    pollfd answered{child->ready(), POLLIN, 0};
    CHECK(::poll(&answered, 1, 0) == 0);
  }
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

}  // namespace
}  // namespace enforcer::host
