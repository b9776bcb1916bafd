#include "policy/path_text.h"

#include "base/ascii.h"

namespace enforcer::policy {
namespace {

/// The octet at the front: raw, or escaped because it has to be.
bool is_path_octet(std::string_view rest) {
  const char c = rest.front();
  if (c != '%') return ascii::is_alphanumeric(c) || std::string_view("-._~!$&'()*+,;=:@").contains(c);
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (rest.size() < 3 || !kDigits.contains(rest[1]) || !kDigits.contains(rest[2])) return false;
  const auto octet = static_cast<char>(kDigits.find(rest[1]) * 16 + kDigits.find(rest[2]));
  return !ascii::is_alphanumeric(octet) && !std::string_view("-._~").contains(octet);
}

template <class Valid>
bool all_segments(std::string_view path, Valid valid) {
  if (!path.starts_with('/')) return false;
  for (std::string_view rest = path.substr(1);;) {
    const auto slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    if (segment == "." || segment == ".." || (segment.empty() && !last)) return false;
    for (std::size_t i = 0; i < segment.size(); ++i) {
      if (!is_path_octet(segment.substr(i))) return false;
    }
    if (!valid(segment)) return false;
    if (last) return true;
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace

bool is_normalised_path(std::string_view text) {
  return all_segments(text, [](std::string_view) { return true; });
}

bool is_path_pattern(std::string_view text) {
  return all_segments(text, [](std::string_view segment) { return !segment.contains("**") || segment == "**"; });
}

}  // namespace enforcer::policy
