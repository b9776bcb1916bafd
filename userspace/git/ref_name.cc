#include "git/ref_name.h"

#include <algorithm>

namespace enforcer::git {
namespace {

constexpr std::size_t kLongestName = 1024;

bool is_component(std::string_view text) {
  return !text.empty() && !text.starts_with('.') && !text.ends_with(".lock");
}

bool may_stand(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet > ' ' && octet != 0x7f && std::string_view("~^:?*[\\").find(c) == std::string_view::npos;
}

}  // namespace

bool is_ref_name(std::string_view text) {
  if (text.size() > kLongestName || !text.starts_with("refs/") || text.ends_with('.')) return false;
  if (text.contains("..") || text.contains("@{") || !std::ranges::all_of(text, may_stand)) return false;
  for (std::string_view rest = text;;) {
    const auto slash = rest.find('/');
    if (!is_component(rest.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace enforcer::git
