#include "policy/method_override.h"

#include <algorithm>

#include "base/ascii.h"
#include "policy/parameters.h"

namespace enforcer::policy {
namespace {

/// As comparable_parameter() has them. The first is what Symfony, Laravel, WordPress and Express read, the second
/// Salesforce, the others ASP.NET MVC beside the header fields of the same names.
constexpr std::string_view kOverrides[] = {"-method", "-httpmethod", "x-http-method-override", "x-http-method",
                                           "x-method-override"};

std::string method_of(std::string_view piece) {
  Parameter parameter;
  if (!next_parameter(piece, kLenientSeparators, parameter) || !parameter.well_formed) return {};
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  std::string method = std::move(parameter.value);
  method.erase(0, method.find_first_not_of(kSpace));
  method.erase(method.find_last_not_of(kSpace) + 1);
  std::ranges::transform(method, method.begin(), ascii::upper);
  return method;
}

}  // namespace

std::vector<std::string> overriding_methods(std::string_view query) {
  std::vector<std::string> methods;
  std::string_view piece;
  while (next_piece(query, kLenientSeparators, piece)) {
    const std::string name = comparable_parameter(piece.substr(0, piece.find('=')));
    if (std::ranges::find(kOverrides, name) != std::end(kOverrides)) methods.push_back(method_of(piece));
  }
  return methods;
}

}  // namespace enforcer::policy
