#include "policy/header_name.h"

#include <algorithm>

#include "base/ascii.h"

namespace enforcer::policy {
namespace {

bool is_token_character(char c) {
  return ascii::is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

}  // namespace

bool is_header_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, is_token_character);
}

std::string canonical_header(std::string_view name) {
  std::string canonical(name);
  std::ranges::transform(canonical, canonical.begin(), [](char c) {
    if (c == '_') return '-';
    return ascii::lower(c);
  });
  return canonical;
}

}  // namespace enforcer::policy
