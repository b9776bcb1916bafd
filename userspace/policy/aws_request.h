// What the readers of AWS's protocols ask of a request: fields and parameters that should be said once.
#pragma once

#include <string>
#include <string_view>

#include "policy/facts.h"

namespace enforcer::policy {

/// Something that a request should say once. `text` is the last one's, and worth nothing when there are several.
struct Saying {
  int times = 0;
  std::string text;

  void add(std::string_view said) {
    ++times;
    text = said;
  }
};

[[nodiscard]] bool equal_folded(std::string_view one, std::string_view other);

/// The values of one field; `name` as in FieldFact.
[[nodiscard]] Saying field_of(const RequestFacts& request, std::string_view name);

/// "application/json" of "application/json; charset=utf-8".
[[nodiscard]] std::string_view media_type(std::string_view content_type);

/// A parameter's name as it was decoded: nothing in it that another reader could decode or cut once more.
[[nodiscard]] bool is_plain_parameter(std::string_view name);

/// What a query or form says under a name, in whatever spelling of it. False when the text can be read in more than one
/// way.
[[nodiscard]] bool find_parameter(std::string_view text, std::string_view name, Saying& into);

}  // namespace enforcer::policy
