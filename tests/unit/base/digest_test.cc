#include "base/digest.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"

// RFC 6455 1.3.
TEST_CASE("sha1_base64_is_what_websocket_asks_for") {
  CHECK(enforcer::sha1_base64("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11") ==
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

// FIPS 180-4, the example of one block; and more than is read at once.
TEST_CASE("sha256_hex_of_file_is_that_of_its_content_wherever_its_offset_is") {
  const enforcer::Fd file(::memfd_create("digest-test", MFD_CLOEXEC));
  REQUIRE(::write(file.get(), "abc", 3) == 3);
  CHECK(*enforcer::sha256_hex_of_file(file.get()) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string large(1'000'003, 'x');
  REQUIRE(::pwrite(file.get(), large.data(), large.size(), 0) == static_cast<ssize_t>(large.size()));
  CHECK(*enforcer::sha256_hex_of_file(file.get()) == enforcer::sha256_hex(large));
  REQUIRE(::ftruncate(file.get(), 0) == 0);
  CHECK(*enforcer::sha256_hex_of_file(file.get()) == enforcer::sha256_hex(""));
  const auto unreadable = enforcer::sha256_hex_of_file(-1);
  REQUIRE_FALSE(unreadable);
  CHECK(unreadable.error().message == "reading it: Bad file descriptor");
}
