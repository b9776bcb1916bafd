#include "base/digest.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/hex.h"

namespace enforcer {
namespace {

std::string finished(Digest& digest, std::size_t size) {
  std::vector<std::uint8_t> octets(size);
  digest.finish(octets);
  return hex(octets);
}

// FIPS 180-4's examples, as NIST publishes them: of no octet, of one block, of two.
constexpr std::string_view kTwoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
constexpr std::string_view kSha256OfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kSha256OfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kSha256OfTwoBlocks = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
constexpr std::string_view kSha1OfNothing = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
constexpr std::string_view kSha1OfAbc = "a9993e364706816aba3e25717850c26c9cd0d89d";
constexpr std::string_view kSha1OfTwoBlocks = "84983e441c3bd26ebaae4aa1f95129e5e54670f1";

}  // namespace

TEST_CASE("sha256_hex_is_that_of_fips_180_4") {
  CHECK(sha256_hex("") == kSha256OfNothing);
  CHECK(sha256_hex("abc") == kSha256OfAbc);
  CHECK(sha256_hex(kTwoBlocks) == kSha256OfTwoBlocks);
}

TEST_CASE("octets_in_parts_have_the_digest_of_the_whole") {
  for (std::size_t split = 0; split <= kTwoBlocks.size(); ++split) {
    CAPTURE(split);
    for (auto [digest, size, whole] : {std::tuple(&Digest::sha256, Digest::kSha256, kSha256OfTwoBlocks),
                                       std::tuple(&Digest::sha1, Digest::kSha1, kSha1OfTwoBlocks)}) {
      Digest making = digest();
      making.add(as_bytes(kTwoBlocks.substr(0, split)));
      making.add(as_bytes(kTwoBlocks.substr(split)));
      CHECK(finished(making, size) == whole);
    }
  }
}

TEST_CASE("one_digest_makes_many_and_each_begins_with_nothing") {
  Digest sha256 = Digest::sha256();
  CHECK(finished(sha256, Digest::kSha256) == kSha256OfNothing);
  for (int i = 0; i < 2; ++i) {
    sha256.add(as_bytes("abc"));
    CHECK(finished(sha256, Digest::kSha256) == kSha256OfAbc);
  }
  CHECK(finished(sha256, Digest::kSha256) == kSha256OfNothing);

  Digest sha1 = Digest::sha1();
  sha1.add(as_bytes("abc"));
  sha256.add(as_bytes("ab"));  // the two at once
  CHECK(finished(sha1, Digest::kSha1) == kSha1OfAbc);
  CHECK(finished(sha1, Digest::kSha1) == kSha1OfNothing);
  sha256.add(as_bytes("c"));
  Digest moved = std::move(sha256);
  CHECK(finished(moved, Digest::kSha256) == kSha256OfAbc);
}

// RFC 6455 1.3.
TEST_CASE("sha1_base64_is_what_websocket_asks_for") {
  CHECK(sha1_base64("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

// FIPS 180-4, the example of one block; and more than is read at once.
TEST_CASE("sha256_hex_of_file_is_that_of_its_content_wherever_its_offset_is") {
  const Fd file(::memfd_create("digest-test", MFD_CLOEXEC));
  REQUIRE(::write(file.get(), "abc", 3) == 3);
  CHECK(*sha256_hex_of_file(file.get()) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string large(1'000'003, 'x');
  REQUIRE(::pwrite(file.get(), large.data(), large.size(), 0) == static_cast<ssize_t>(large.size()));
  CHECK(*sha256_hex_of_file(file.get()) == sha256_hex(large));
  REQUIRE(::ftruncate(file.get(), 0) == 0);
  CHECK(*sha256_hex_of_file(file.get()) == sha256_hex(""));
  const auto unreadable = sha256_hex_of_file(-1);
  REQUIRE_FALSE(unreadable);
  CHECK(unreadable.error().message == "reading it: Bad file descriptor");
}

}  // namespace enforcer
