#include "credentials/sigv4_key.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "base/secret.h"

namespace enforcer::credentials {
namespace {

constexpr std::string_view kKeyPrefix = "AWS4";
constexpr std::string_view kScopeEnd = "aws4_request";

using Digest = std::array<char, SHA256_DIGEST_LENGTH>;

std::string_view digest_text(const Digest& digest) {
  return {digest.data(), digest.size()};
}

/// `out` may be where `key` is.
void hmac_sha256(std::string_view key, std::string_view text, Digest& out) {
  Digest made;
  unsigned int size = made.size();
  const auto* const done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), as_bytes(text).data(),
                                text.size(), reinterpret_cast<unsigned char*>(made.data()), &size);
  ENFORCER_CHECK(done != nullptr && size == made.size());
  out = made;
  wipe(made);
}

}  // namespace

std::string SignatureScope::text() const {
  return fmt::format("{}/{}/{}/{}", date, region, service, kScopeEnd);
}

SigningKey::SigningKey(std::string_view secret_access_key, const SignatureScope& scope) {
  std::string first;
  first.reserve(kKeyPrefix.size() + secret_access_key.size());  // no growing, or a piece of it would stay behind
  first += kKeyPrefix;
  first += secret_access_key;
  hmac_sha256(first, scope.date, key_);
  wipe(first);
  for (const std::string_view step : {std::string_view(scope.region), std::string_view(scope.service), kScopeEnd}) {
    hmac_sha256(digest_text(key_), step, key_);
  }
}

SigningKey::SigningKey(SigningKey&& other) noexcept : key_(other.key_) {
  wipe(other.key_);
}

SigningKey::~SigningKey() {
  wipe(key_);
}

std::string SigningKey::sign(std::string_view text) const {
  Digest made;
  hmac_sha256(digest_text(key_), text, made);
  return hex(as_bytes(digest_text(made)));
}

std::string sigv4_timestamp(WallClock::time_point now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(WallClock::to_time_t(seconds)));
}

}  // namespace enforcer::credentials
