#include "base/digest.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/hex.h"
#include "base/result.h"

namespace enforcer {
namespace {

/// Looking an algorithm up takes locks, so each is looked up once, and kept until the process ends.
const EVP_MD& fetched(const char* name) {
  const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  ENFORCER_CHECK(algorithm != nullptr);
  return *algorithm;
}

}  // namespace

void Digest::Free::operator()(EVP_MD_CTX* context) const {
  EVP_MD_CTX_free(context);
}

Digest::Digest(const EVP_MD& algorithm) : algorithm_(&algorithm), context_(EVP_MD_CTX_new()) {
  ENFORCER_CHECK(context_ != nullptr);
  begin();
}

Digest Digest::sha256() {
  static const EVP_MD& algorithm = fetched("SHA256");
  return Digest(algorithm);
}

Digest Digest::sha1() {
  static const EVP_MD& algorithm = fetched("SHA1");
  return Digest(algorithm);
}

void Digest::begin() {
  ENFORCER_CHECK(EVP_DigestInit_ex2(context_.get(), algorithm_, nullptr) == 1);
}

void Digest::add(Bytes octets) {
  ENFORCER_CHECK(EVP_DigestUpdate(context_.get(), octets.data(), octets.size()) == 1);
}

void Digest::finish(std::span<std::uint8_t> digest) {
  ENFORCER_CHECK(digest.size() == static_cast<std::size_t>(EVP_MD_get_size(algorithm_)) &&
                 EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  begin();
}

std::string sha256_hex(std::string_view octets) {
  std::array<std::uint8_t, Digest::kSha256> digest;
  Digest making = Digest::sha256();
  making.add(as_bytes(octets));
  making.finish(digest);
  return hex(digest);
}

Result<std::string> sha256_hex_of_file(int file) {
  constexpr std::size_t kBlock = std::size_t{1} << 18;
  Digest making = Digest::sha256();
  std::vector<std::uint8_t> block(kBlock);
  for (off_t at = 0;;) {
    const ssize_t count = ::pread(file, block.data(), block.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("reading it");
    if (count == 0) break;
    making.add(Bytes(block).first(static_cast<std::size_t>(count)));
    at += count;
  }
  std::array<std::uint8_t, Digest::kSha256> digest;
  making.finish(digest);
  return hex(digest);
}

std::string sha1_base64(std::string_view text) {
  std::array<std::uint8_t, Digest::kSha1> digest;
  Digest making = Digest::sha1();
  making.add(as_bytes(text));
  making.finish(digest);
  constexpr std::size_t kEncoded = std::size_t{4} * ((Digest::kSha1 + 2) / 3);
  std::array<unsigned char, kEncoded + 1> encoded;  // EVP_EncodeBlock ends with a NUL
  EVP_EncodeBlock(encoded.data(), digest.data(), digest.size());
  return {encoded.begin(), encoded.end() - 1};
}

}  // namespace enforcer
