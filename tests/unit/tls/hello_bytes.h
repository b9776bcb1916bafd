// Hellos made by hand, field by field, so that a test can make exactly one of them wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace enforcer::tls::test {

inline std::string be(std::size_t value, int width) {
  std::string out;
  for (int shift = (width - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}
inline std::string vec8(std::string_view body) {
  return be(body.size(), 1) + std::string(body);
}
inline std::string vec16(std::string_view body) {
  return be(body.size(), 2) + std::string(body);
}

inline std::string extension(std::uint16_t type, std::string_view body) {
  return be(type, 2) + vec16(body);
}
inline std::string server_name(std::string_view name) {
  return extension(0, vec16(be(0, 1) + vec16(name)));
}
inline std::string alpn(const std::vector<std::string>& protocols) {
  std::string list;
  for (const auto& protocol : protocols) list += vec8(protocol);
  return extension(16, vec16(list));
}

/// A complete ClientHello message with these extensions.
inline std::string hello_message(std::string_view extensions) {
  const std::string body = be(0x0303, 2) + std::string(32, 'r') + vec8(std::string(32, 's')) + vec16(be(0x1301, 2)) +
                           vec8(std::string(1, '\0')) + vec16(extensions);
  return be(1, 1) + be(body.size(), 3) + body;
}

/// A ServerHello message; with the given random.
inline std::string server_hello_message(std::string_view random) {
  const std::string body = be(0x0303, 2) + std::string(random) + vec8("") + be(0x1301, 2) + be(0, 1) + vec16("");
  return be(2, 1) + be(body.size(), 3) + body;
}

inline const std::string kRetry =
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

inline std::string record(int type, std::string_view payload) {
  return be(type, 1) + be(0x0301, 2) + vec16(payload);
}

/// The payload in records of at most `size` bytes each.
inline std::string records(std::string_view payload, std::size_t size, int type = 22) {
  std::string out;
  for (; !payload.empty(); payload.remove_prefix(std::min(size, payload.size())))
    out += record(type, payload.substr(0, size));
  return out;
}

}  // namespace enforcer::tls::test
