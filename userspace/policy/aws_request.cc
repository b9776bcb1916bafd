#include "policy/aws_request.h"

#include <algorithm>

#include "base/ascii.h"
#include "policy/parameters.h"

namespace enforcer::policy {

bool equal_folded(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, {}, ascii::lower, ascii::lower);
}

Saying field_of(const RequestFacts& request, std::string_view name) {
  Saying saying;
  for (const FieldFact& fact : request.fields) {
    if (fact.name == name) saying.add(fact.value);
  }
  return saying;
}

std::string_view media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ') || content_type.ends_with('\t')) content_type.remove_suffix(1);
  return content_type;
}

bool is_plain_parameter(std::string_view name) {
  return !name.contains('%') && std::ranges::all_of(name, ascii::is_visible);
}

bool find_parameter(std::string_view text, std::string_view name, Saying& into) {
  if (text.contains(';')) return false;
  Parameter parameter;
  while (next_parameter(text, "&", parameter)) {
    if (!parameter.well_formed || !is_plain_parameter(parameter.name)) return false;
    if (equal_folded(parameter.name, name)) into.add(parameter.name == name ? parameter.value : "");
  }
  return true;
}

}  // namespace enforcer::policy
