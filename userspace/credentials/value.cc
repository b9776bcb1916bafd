#include "credentials/value.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>

namespace enforcer::credentials {
namespace {

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

Result<Secret> clean_value(std::string_view raw) {
  if (raw.ends_with('\n')) raw.remove_suffix(raw.ends_with("\r\n") ? 2 : 1);
  if (raw.empty()) return fail(Errc::kInvalid, "the value is empty");
  if (raw.size() > Secret::kMaxSize) {
    return fail(Errc::kInvalid, fmt::format("the value has more than {} bytes", Secret::kMaxSize));
  }
  const auto control = std::ranges::find_if(raw, is_control);
  if (control != raw.end()) {
    return fail(Errc::kInvalid, fmt::format("the value has a {} inside",
                                            *control == '\r' || *control == '\n' ? "line break" : "control character"));
  }
  return Secret::copy_of(raw);
}

Result<Value> value_of(std::string_view raw) {
  Secret secret = TRY(clean_value(raw));
  return Value{.secret = std::make_shared<const Secret>(std::move(secret)), .expires = std::nullopt};
}

bool same_value(const Secret& a, const Secret& b) {
  const std::string_view one = a.reveal();
  const std::string_view other = b.reveal();
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace enforcer::credentials
