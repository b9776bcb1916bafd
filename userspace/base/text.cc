#include "base/text.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include "base/bytes.h"

namespace enforcer {
namespace {

void append_escaped(std::string& out, std::string_view raw) {
  for (const std::uint8_t byte : as_bytes(raw)) {
    if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
      out += static_cast<char>(byte);
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    }
  }
}

}  // namespace

std::string escape_untrusted(std::string_view raw, std::size_t limit) {
  std::string out;
  if (raw.size() <= limit) {
    append_escaped(out, raw);
    return out;
  }
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(as_bytes(raw).data(), raw.size(), digest);
  append_escaped(out, raw.substr(0, limit / 2));
  fmt::format_to(std::back_inserter(out), "...[{} bytes, sha256 {:02x}]...", raw.size(), fmt::join(digest, ""));
  append_escaped(out, raw.substr(raw.size() - limit / 2));
  return out;
}

}  // namespace enforcer
