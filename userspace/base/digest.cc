#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>

#include "base/bytes.h"
#include "base/hex.h"

namespace enforcer {

std::string sha256_hex(std::string_view octets) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(as_bytes(octets).data(), octets.size(), digest.data());
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
