#include "credentials/query_parameters.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace enforcer::credentials {
namespace {

bool is_unreserved(char c) {
  return ascii::is_alphanumeric(c) || std::string_view("-._~").contains(c);
}

}  // namespace

std::string without_parameters(std::string_view query, const std::function<bool(const std::string& name)>& refused) {
  std::string out;
  char before = '\0';  // the separator in front of the present piece
  bool first = true;
  while (true) {
    const auto end = query.find_first_of(policy::kLenientSeparators);
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
