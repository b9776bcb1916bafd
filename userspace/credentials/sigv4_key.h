// What AWS Signature Version 4 signs with: a key that is good for one day, one region and one service, made from the
// secret access key (AWS, "Create a signed AWS API request", step 3).
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/deadline.h"

namespace enforcer::credentials {

inline constexpr std::string_view kSigV4Algorithm = "AWS4-HMAC-SHA256";

struct SignatureScope {
  std::string date;  ///< "20130524"
  std::string region;
  std::string service;

  [[nodiscard]] std::string text() const;  ///< "20130524/us-east-1/s3/aws4_request"
};

/// Wiped in the end; moving leaves nothing behind.
class SigningKey {
 public:
  SigningKey(std::string_view secret_access_key, const SignatureScope& scope);
  SigningKey(SigningKey&& other) noexcept;
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;
  SigningKey& operator=(SigningKey&&) = delete;
  ~SigningKey();

  /// 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string sign(std::string_view text) const;

 private:
  std::array<char, 32> key_;
};

/// "20130524T000000Z", of years 1970-9999.
[[nodiscard]] std::string sigv4_timestamp(WallClock::time_point now);

}  // namespace enforcer::credentials
