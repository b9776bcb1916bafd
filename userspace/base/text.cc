#include "base/text.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/digest.h"

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
  append_escaped(out, raw.substr(0, limit / 2));
  fmt::format_to(std::back_inserter(out), "...[{} bytes, sha256 {}]...", raw.size(), sha256_hex(raw));
  append_escaped(out, raw.substr(raw.size() - limit / 2));
  return out;
}

std::string count_of(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace enforcer
