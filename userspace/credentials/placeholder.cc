#include "credentials/placeholder.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.h"

namespace enforcer::credentials {
namespace {

using Placeholder = policy::CredentialSpec::Placeholder;
using PlaceholderDigest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

/// What else is hashed anywhere cannot come out the same.
constexpr std::string_view kPlaceholderDomain = "enforcer placeholder 1";

/// RFC 4648 6, in both cases.
constexpr std::string_view kSmallBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kLargeBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Each field with its length in front (4 octets, the highest first): no two lists of fields make the same text.
PlaceholderDigest digest_of_fields(std::initializer_list<std::string_view> fields) {
  std::string text;
  for (const std::string_view field : fields) {
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(field.size() >> shift & 0xff);
    text += field;
  }
  PlaceholderDigest digest;
  SHA256(as_bytes(text).data(), text.size(), digest.data());
  return digest;
}

/// The first `count` digits of 5 bits each, the highest first.
std::string base32_digits(const PlaceholderDigest& digest, std::size_t count, std::string_view alphabet) {
  std::string digits;
  std::uint32_t bits = 0;
  int held = 0;
  for (auto octet = digest.begin(); digits.size() < count; ++octet) {
    bits = bits << 8 | *octet;
    for (held += 8; held >= 5 && digits.size() < count; held -= 5) digits += alphabet[bits >> (held - 5) & 31];
  }
  return digits;
}

/// 40 letters and digits. '+' and '/' would have to be escaped in some of the places where people paste such values.
std::string forty_characters(const PlaceholderDigest& digest) {
  constexpr int kOctets = 30;
  std::array<unsigned char, 41> encoded;  // EVP_EncodeBlock ends with a NUL
  EVP_EncodeBlock(encoded.data(), digest.data(), kOctets);
  std::string text(encoded.begin(), encoded.end() - 1);
  std::ranges::replace(text, '+', 'p');
  std::ranges::replace(text, '/', 's');
  return text;
}

std::string in_format(std::string_view format, std::string_view value) {
  std::string text(format);
  if (const auto at = text.find("{}"); at != std::string::npos) text.replace(at, 2, value);
  return text;
}

}  // namespace

std::string placeholder_value(const GuestBoot& boot, std::string_view credential, const Placeholder& placeholder) {
  const PlaceholderDigest digest = digest_of_fields(
      {kPlaceholderDomain, boot.instance, boot.guest, to_string(boot.epoch), credential, placeholder.variable});
  switch (placeholder.form) {
    case Placeholder::Form::kId:
      return "ENFORCER" + base32_digits(digest, 12, kLargeBase32);
    case Placeholder::Form::kSecret:
      return forty_characters(digest);
    case Placeholder::Form::kToken:
      break;
  }
  return in_format(placeholder.format, "enforcer-" + base32_digits(digest, 32, kSmallBase32));
}

std::vector<PlaceholderValue> placeholders_for(const GuestBoot& boot, const policy::GuestPolicy& policy) {
  std::vector<PlaceholderValue> values;
  for (const policy::CredentialSpec* spec : policy.credentials()) {
    for (const Placeholder& placeholder : spec->placeholders) {
      if (std::ranges::find(values, placeholder.variable, &PlaceholderValue::variable) != values.end()) continue;
      values.push_back({.credential = spec->name,
                        .variable = placeholder.variable,
                        .value = placeholder_value(boot, spec->name, placeholder)});
    }
  }
  return values;
}

}  // namespace enforcer::credentials
