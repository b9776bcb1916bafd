#include "audit/fields.h"

#include <algorithm>

#include "base/ascii.h"

namespace enforcer::audit {

bool is_record(std::string_view line) {
  return line.starts_with("{\"schema_version\":") && line.ends_with('}') &&
         std::ranges::all_of(line, ascii::is_printable);
}

std::optional<std::string_view> FieldReader::take_string() {
  if (!rest_.starts_with('"')) return std::nullopt;
  for (std::size_t i = 1; i < rest_.size(); ++i) {
    if (rest_[i] == '\\') {
      ++i;
    } else if (rest_[i] == '"') {
      const std::string_view inside = rest_.substr(1, i - 1);
      rest_.remove_prefix(i + 1);
      return inside;
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> FieldReader::take_value() {
  if (rest_.starts_with('"')) return take_string();
  // A number, or an object or list of strings and objects: up to the comma or brace that is not inside of it.
  const std::string_view begin = rest_;
  int depth = 0;
  while (!rest_.empty()) {
    const char c = rest_.front();
    if (c == '"') {
      if (!take_string()) return std::nullopt;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}')) return begin.substr(0, begin.size() - rest_.size());
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    rest_.remove_prefix(1);
  }
  return std::nullopt;
}

std::optional<FieldReader::Field> FieldReader::next() {
  if (!rest_.starts_with('{') && !rest_.starts_with(',')) return std::nullopt;
  rest_.remove_prefix(1);
  const auto key = take_string();
  if (!key || !rest_.starts_with(':')) return std::nullopt;
  rest_.remove_prefix(1);
  const auto value = take_value();
  if (!value) return std::nullopt;
  return Field{*key, *value};
}

std::string_view field(std::string_view line, std::string_view key) {
  FieldReader fields(line);
  while (const auto next = fields.next()) {
    if (next->key == key) return next->value;
  }
  return {};
}

}  // namespace enforcer::audit
