// Digests: SHA-256, and SHA-1 where a protocol demands it; nothing is trusted because of that one.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace enforcer {

/// The digest of octets that come in parts (FIPS 180-4). One of these makes any number of digests, one after the other.
/// Not for several threads at once.
class Digest {
 public:
  static constexpr std::size_t kSha256 = 32;  ///< octets
  static constexpr std::size_t kSha1 = 20;

  static Digest sha256();
  static Digest sha1();

  void add(Bytes octets);
  /// Of what was added since the last one. `digest` has the size of the algorithm's, exactly.
  void finish(std::span<std::uint8_t> digest);

 private:
  explicit Digest(const EVP_MD& algorithm);
  void begin();

  struct Free {
    void operator()(EVP_MD_CTX* context) const;
  };
  const EVP_MD* algorithm_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

/// 64 hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view octets);

/// The same of an open file, from its beginning to its end; its offset stays. kIo: it cannot be read.
[[nodiscard]] Result<std::string> sha256_hex_of_file(int file);

/// The SHA-1 of a text, in base64 (RFC 6455 4.2.2: how a server proves that it speaks WebSocket).
[[nodiscard]] std::string sha1_base64(std::string_view text);

}  // namespace enforcer
