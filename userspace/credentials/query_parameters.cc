#include "credentials/query_parameters.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/ascii.h"

namespace enforcer::credentials {
namespace {

bool is_unreserved(char c) {
  return ascii::is_alphanumeric(c) || std::string_view("-._~").contains(c);
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
std::string decode(std::string_view text) {
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

std::string comparable_parameter(std::string_view name) {
  std::string out = decode(name);
  out.erase(0, std::min(out.find_first_not_of(" +\t\r\n\v\f"), out.size()));
  out.erase(std::min({out.find('['), out.find('\0'), out.size()}));
  std::ranges::transform(out, out.begin(), comparable);
  return out;
}

std::string without_parameters(std::string_view query, const std::function<bool(const std::string& name)>& refused) {
  std::string out;
  char before = '\0';  // the separator in front of the present piece
  bool first = true;
  while (true) {
    const auto end = query.find_first_of("&;");
    const std::string_view piece = query.substr(0, end);
    if (!refused(comparable_parameter(piece.substr(0, piece.find('='))))) {
      if (!std::exchange(first, false)) out += before;
      out += piece;
    }
    if (end == std::string_view::npos) return out;
    before = query[end];
    query.remove_prefix(end + 1);
  }
}

std::string escape_parameter(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() * 3);  // no growing, or a piece of a secret would stay behind
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (is_unreserved(c)) {
      out += c;
    } else {
      out += {'%', kDigits[octet >> 4], kDigits[octet & 15]};
    }
  }
  return out;
}

}  // namespace enforcer::credentials
