#include "base/text.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include "base/ascii.h"
#include "base/bytes.h"

namespace enforcer {
namespace {

void append_escaped(std::string& out, std::string_view raw) {
  for (const char c : raw) {
    if (ascii::is_printable(c) && c != '\\') {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
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
