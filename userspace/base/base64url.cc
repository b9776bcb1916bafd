#include "base/base64url.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/result.h"
#include "base/secret.h"

namespace enforcer {

void base64url(Bytes octets, std::span<char> text) {
  ENFORCER_CHECK(text.size() == base64url_size(octets.size()));
  constexpr std::size_t kAtOnce = 48;               // a multiple of 3, so that only the last ones would be padded
  std::array<char, kAtOnce / 3 * 4 + 1> encoded{};  // EVP_EncodeBlock pads, and ends with a NUL
  while (!octets.empty()) {
    const Bytes some = octets.first(std::min(kAtOnce, octets.size()));
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), some.data(), static_cast<int>(some.size()));
    const auto made = std::span(encoded).first(base64url_size(some.size()));
    std::ranges::transform(made, text.begin(), [](char c) { return c == '+' ? '-' : c == '/' ? '_' : c; });
    octets = octets.subspan(some.size());
    text = text.subspan(made.size());
  }
  wipe(encoded);
}

}  // namespace enforcer
