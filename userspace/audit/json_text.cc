#include "audit/json_text.h"

#include <charconv>

#include "base/ascii.h"
#include "base/text.h"

namespace enforcer::audit {
namespace {

constexpr std::size_t kLongText = 512;

/// Text that is its own JSON: nearly every name and path, spared two copies.
bool is_plain(std::string_view raw) {
  if (raw.size() > kLongText) return false;
  unsigned odd = 0;  // no way out in the middle: so the compiler looks at sixteen characters at once
  for (const char c : raw) odd |= unsigned{!ascii::is_printable(c)} | unsigned{c == '\\'} | unsigned{c == '"'};
  return odd == 0;
}

}  // namespace

void append_json_text(std::string& out, std::string_view raw) {
  if (is_plain(raw)) {
    out += raw;
    return;
  }
  for (const char c : escape_untrusted(raw, kLongText)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

void append_text_field(std::string& out, std::string_view key, std::string_view raw) {
  out += ",\"";
  out += key;
  out += "\":\"";
  append_json_text(out, raw);
  out += '"';
}

void append_number_field(std::string& out, std::string_view key, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out += ",\"";
  out += key;
  out += "\":";
  out.append(digits, end);
}

std::string elide_query(std::string_view path) {
  const auto question = path.find('?');
  std::string out(path.substr(0, question));
  if (question == std::string_view::npos) return out;
  std::string_view rest = path.substr(question + 1);
  out += '?';
  while (true) {
    const auto ampersand = rest.find('&');
    const std::string_view parameter = rest.substr(0, ampersand);
    const auto equals = parameter.find('=');
    if (equals != std::string_view::npos) out += parameter.substr(0, equals + 1);
    if (!parameter.empty()) out += '*';
    if (ampersand == std::string_view::npos) return out;
    out += '&';
    rest.remove_prefix(ampersand + 1);
  }
}

}  // namespace enforcer::audit
