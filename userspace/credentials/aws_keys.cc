#include "credentials/aws_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "base/ascii.h"

namespace enforcer::credentials {
namespace {

constexpr std::size_t kMaxAccessKeyId = 128;  // IAM API Reference, AccessKey

bool has_only(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char c) { return ascii::is_alphanumeric(c) || others.contains(c); });
}

std::string_view take_key(std::string_view& rest) {
  const auto end = std::min(rest.find('\n'), rest.size());
  const std::string_view key = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return key;
}

}  // namespace

AwsKeys keys_in(const Secret& value) {
  std::string_view rest = value.reveal();
  AwsKeys keys;
  for (std::string_view* key : {&keys.access_key_id, &keys.secret_access_key, &keys.session_token}) {
    *key = take_key(rest);
  }
  return keys;
}

Result<Secret> secret_of(const AwsKeys& keys) {
  const auto wrong = [](std::string_view which, std::string_view why) {
    return fail(Errc::kInvalid, fmt::format("the {} {}", which, why));
  };
  if (keys.access_key_id.empty()) return wrong("access key id", "is missing");
  if (keys.secret_access_key.empty()) return wrong("secret access key", "is missing");
  constexpr std::string_view kNotOfAws = "has a character that keys of AWS do not have";
  if (!has_only(keys.access_key_id, "-_")) return wrong("access key id", kNotOfAws);
  if (!has_only(keys.secret_access_key, "+/=-_")) return wrong("secret access key", kNotOfAws);
  if (!has_only(keys.session_token, "+/=-_")) return wrong("session token", kNotOfAws);
  if (keys.access_key_id.size() > kMaxAccessKeyId) {
    return wrong("access key id", fmt::format("has more than {} characters", kMaxAccessKeyId));
  }
  const std::size_t size = keys.access_key_id.size() + keys.secret_access_key.size() + keys.session_token.size() + 2;
  if (size > Secret::kMaxSize) return fail(Errc::kInvalid, "the keys are too long");
  LockedBuffer buffer = TRY(LockedBuffer::make(size));
  auto end = buffer.bytes().begin();
  for (const std::string_view part :
       std::initializer_list<std::string_view>{keys.access_key_id, "\n", keys.secret_access_key,
                                               keys.session_token.empty() ? "" : "\n", keys.session_token}) {
    end = std::ranges::copy(part, end).out;
  }
  return Secret::copy_of({buffer.bytes().begin(), end});
}

}  // namespace enforcer::credentials
