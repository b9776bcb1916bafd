#include "policy/header_name.h"

#include <algorithm>

namespace enforcer::policy {
namespace {

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

}  // namespace

bool is_header_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, is_token_character);
}

std::string canonical_header(std::string_view name) {
  std::string canonical(name);
  std::ranges::transform(canonical, canonical.begin(), [](char c) {
    if (c == '_') return '-';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return canonical;
}

}  // namespace enforcer::policy
