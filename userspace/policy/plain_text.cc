// What a policy file may consist of, checked before a YAML parser sees it. Parsers disagree about the rest: some take a
// byte order mark for text, NEL or U+2028 for the end of a line, a tab for eight spaces, and an editor may show none of
// it.
#include <fmt/format.h>

#include <cstdint>
#include <optional>

#include "policy/yaml_reader.h"

namespace enforcer::policy {
namespace {

struct Character {
  std::uint32_t code;
  std::size_t size;
};

/// The character at the beginning of `text`; none when it is not valid UTF-8 (RFC 3629: shortest form, no surrogates).
std::optional<Character> first_character(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = octet(0);
  if (lead < 0x80) return Character{lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return std::nullopt;
  std::uint32_t code = lead & (0xff >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (octet(i) & 0x3f);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return std::nullopt;
  return Character{code, size};
}

/// Characters that are invisible, end a line for some readers only, or change the direction of what is shown after
/// them.
bool is_control(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029 ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

}  // namespace

bool check_plain_text(std::string_view file, std::string_view text, Diagnostics& out) {
  if (text.size() > kMaxSourceBytes) {
    out.report(file, {}, Code::kTooLarge,
               fmt::format("the file has {} bytes; at most {} are read", text.size(), kMaxSourceBytes));
    return false;
  }
  Place place;
  bool clean = true;
  const auto problem = [&](Code code, std::string message, std::string hint = {}) {
    out.report(file, place, code, std::move(message), std::move(hint));
    clean = false;
  };
  const auto check_directive = [&](std::string_view line) {
    if (line.starts_with('%')) problem(Code::kIndirection, "a YAML directive", "leave the line out");
  };
  check_directive(text);
  for (std::string_view rest = text; !rest.empty();) {
    const auto character = first_character(rest);
    if (!character) {
      problem(Code::kNotText,
              fmt::format("octet 0x{:02x} is not valid UTF-8", static_cast<std::uint8_t>(rest.front())));
      return false;
    }
    const auto [code, size] = *character;
    if (code == '\t') {
      problem(Code::kTab, "tab character", "use spaces");
    } else if (code == 0xfeff) {
      problem(Code::kNotText, "byte order mark", "save the file as UTF-8 without it");
    } else if (is_control(code) && code != '\n' && !(code == '\r' && rest.starts_with("\r\n"))) {
      problem(Code::kNotText, fmt::format("control character U+{:04X}", code));
    }
    const bool line_ends = code == '\n';
    place = line_ends ? Place{place.line + 1, 1} : Place{place.line, place.column + static_cast<int>(size)};
    rest.remove_prefix(size);
    if (line_ends) check_directive(rest);
  }
  return clean;
}

}  // namespace enforcer::policy
