#include "policy/parameters.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace enforcer::policy {
namespace {

/// False when the text holds an escape that is none, or a NUL, at which some origins end a text.
bool decode(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i] == '+' ? ' ' : text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? ascii::hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? ascii::hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return false;
    out += c;
  }
  return true;
}

/// The number that `digits` spell; nothing when they are no hexadecimal digits.
std::optional<int> hex_number(std::string_view digits) {
  int number = 0;
  for (const char c : digits) {
    if (ascii::hex_value(c) < 0) return std::nullopt;
    number = number * 16 + ascii::hex_value(c);
  }
  return number;
}

/// Decodes once; what is no escape stays as it is.
std::string decode_loosely(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool wide = text.size() >= 6 && text[0] == '%' && (text[1] == 'u' || text[1] == 'U');
    const std::size_t size = wide ? 6 : 3;
    const auto octet =
        text[0] == '%' && text.size() >= size ? hex_number(text.substr(wide ? 2 : 1, wide ? 4 : 2)) : std::nullopt;
    if (octet && *octet < 0x100) {
      out += static_cast<char>(*octet);
      text.remove_prefix(size);
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
  return out;
}

char comparable(char c) {
  return std::string_view("_. +").contains(c) ? '-' : ascii::lower(c);
}

}  // namespace

bool next_piece(std::string_view& rest, std::string_view separators, std::string_view& piece) {
  do {
    if (rest.empty()) return false;
    const auto end = rest.find_first_of(separators);
    piece = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  } while (piece.empty());
  return true;
}

bool next_parameter(std::string_view& rest, std::string_view separators, Parameter& out) {
  std::string_view piece;
  if (!next_piece(rest, separators, piece)) return false;
  const auto equals = piece.find('=');
  const std::string_view value = equals == std::string_view::npos ? "" : piece.substr(equals + 1);
  const bool name_decoded = decode(piece.substr(0, equals), out.name);
  out.well_formed = decode(value, out.value) && name_decoded;
  return true;
}

std::string comparable_parameter(std::string_view name) {
  std::string out = decode_loosely(name);
  out.erase(0, std::min(out.find_first_not_of(" +\t\r\n\v\f"), out.size()));
  out.erase(std::min({out.find('['), out.find('\0'), out.size()}));
  std::ranges::transform(out, out.begin(), comparable);
  return out;
}

}  // namespace enforcer::policy
