// The reference of a format: its objects and their keys, neither Markdown nor roff yet. From the tables that the
// loaders read by.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/shape.h"

namespace enforcer::pages {

struct Key {
  std::string name;
  bool required = false;
  std::string shape;            ///< "list of hosts", "number from 1 to 10"
  std::string example;          ///< or empty
  std::string about;            ///< words of files stand between backticks
  std::vector<std::string> in;  ///< the lists whose objects have it; empty: all of the section's
};

/// One object, which may stand in several places.
struct Section {
  std::string title;
  std::vector<std::string> places;  ///< "spec.allow[]"; none for the outermost
  std::string note;                 ///< or empty
  std::vector<Key> keys;
};

/// An object to begin with; those inside of it follow by themselves.
struct Root {
  std::string title;
  std::string note;
  std::string place;  ///< "spec"; empty for a whole document
  std::vector<policy::FieldShape> fields;
};

/// Outer objects come before inner ones. What stands in several places under the same name is one section.
[[nodiscard]] std::vector<Section> sections_of(const std::vector<Root>& roots);

[[nodiscard]] std::vector<Section> policy_sections();      ///< the envelope, Policy and Guardrail
[[nodiscard]] std::vector<Section> credential_sections();  ///< the spec of a Credential
[[nodiscard]] std::vector<Section> config_sections();

}  // namespace enforcer::pages
