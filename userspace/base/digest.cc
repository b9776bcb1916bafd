#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/hex.h"

namespace enforcer {

std::string sha256_hex(std::string_view octets) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(as_bytes(octets).data(), octets.size(), digest.data());
  return hex(digest);
}

Result<std::string> sha256_hex_of_file(int file) {
  constexpr std::size_t kBlock = std::size_t{1} << 18;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  ENFORCER_CHECK(context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  std::vector<unsigned char> block(kBlock);
  for (off_t at = 0;;) {
    const ssize_t count = ::pread(file, block.data(), block.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("reading it");
    if (count == 0) break;
    ENFORCER_CHECK(EVP_DigestUpdate(context.get(), block.data(), static_cast<std::size_t>(count)) == 1);
    at += count;
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  ENFORCER_CHECK(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  return hex(digest);
}

std::string sha1_base64(std::string_view text) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(as_bytes(text).data(), text.size(), digest.data());
  constexpr std::size_t kEncoded = std::size_t{4} * ((SHA_DIGEST_LENGTH + 2) / 3);
  std::array<unsigned char, kEncoded + 1> encoded;  // EVP_EncodeBlock ends with a NUL
  EVP_EncodeBlock(encoded.data(), digest.data(), digest.size());
  return {encoded.begin(), encoded.end() - 1};
}

}  // namespace enforcer
