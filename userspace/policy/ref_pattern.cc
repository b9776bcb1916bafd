#include "policy/ref_pattern.h"

#include <algorithm>

#include "base/ascii.h"

namespace enforcer::policy {

bool is_repository_pattern(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos || text.ends_with('/') || text.contains("//")) return false;
  return std::ranges::all_of(text,
                             [](char c) { return ascii::is_alphanumeric(c) || std::string_view("*-_./").contains(c); });
}

bool is_ref_pattern(std::string_view text) {
  constexpr std::size_t kLongest = 1024;
  if (text.size() > kLongest || !text.starts_with("refs/") || text.ends_with('/') || text.ends_with('.')) return false;
  if (text.contains("//") || text.contains("..") || text.contains("@{")) return false;
  return std::ranges::all_of(text, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > ' ' && octet != 0x7f && !std::string_view("~^:?[\\").contains(c);
  });
}

}  // namespace enforcer::policy
