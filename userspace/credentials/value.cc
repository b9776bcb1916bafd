#include "credentials/value.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "credentials/aws_keys_text.h"
#include "credentials/private_key.h"

namespace enforcer::credentials {
namespace {

bool is_line_break(char c) {
  return c == '\r' || c == '\n';
}

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

Result<> check_size(std::string_view raw) {
  if (raw.empty()) return fail(Errc::kInvalid, "the value is empty");
  if (raw.size() <= Secret::kMaxSize) return {};
  return fail(Errc::kInvalid, fmt::format("the value has more than {} bytes", Secret::kMaxSize));
}

std::string_view without_newline(std::string_view raw) {
  if (raw.ends_with('\n')) raw.remove_suffix(raw.ends_with("\r\n") ? 2 : 1);
  return raw;
}

}  // namespace

Result<Secret> clean_value(std::string_view raw) {
  raw = without_newline(raw);
  TRY_VOID(check_size(raw));
  if (std::ranges::any_of(raw, is_control)) {
    const bool breaks = is_line_break(*std::ranges::find_if(raw, is_control));
    return fail(Errc::kInvalid, fmt::format("the value has a {} inside", breaks ? "line break" : "control character"));
  }
  return Secret::copy_of(raw);
}

Result<Secret> clean_text(std::string_view raw) {
  raw = without_newline(raw);
  TRY_VOID(check_size(raw));
  if (std::ranges::any_of(raw, [](char c) { return is_control(c) && !is_line_break(c); })) {
    return fail(Errc::kInvalid, "the value has a control character inside");
  }
  return Secret::copy_of(raw);
}

Result<Value> value_of(std::string_view raw, Shape shape, WallClock::time_point now) {
  TRY_VOID(check_size(without_newline(raw)));
  switch (shape) {
    case Shape::kKeyPair:
      return read_aws_keys(raw, now);
    case Shape::kPrivateKey:
      return read_private_key(raw);
    case Shape::kLine:
      break;
  }
  Secret secret = TRY(clean_value(raw));
  return Value{.secret = std::make_shared<const Secret>(std::move(secret)), .expires = std::nullopt};
}

bool same_value(const Secret& a, const Secret& b) {
  const std::string_view one = a.reveal();
  const std::string_view other = b.reveal();
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace enforcer::credentials
