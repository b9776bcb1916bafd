#include "policy/parameters.h"

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

}  // namespace

bool next_parameter(std::string_view& rest, std::string_view separators, Parameter& out) {
  while (!rest.empty()) {
    const auto end = rest.find_first_of(separators);
    const std::string_view piece = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (piece.empty()) continue;
    const auto equals = piece.find('=');
    const std::string_view value = equals == std::string_view::npos ? "" : piece.substr(equals + 1);
    const bool name_decoded = decode(piece.substr(0, equals), out.name);
    out.well_formed = decode(value, out.value) && name_decoded;
    return true;
  }
  return false;
}

}  // namespace enforcer::policy
