// The strict YAML reader: the only file that knows yaml-cpp.
//
// It takes the part of YAML that means the same to everybody: mappings, lists and texts. A scalar stays the text that
// was written (the schema converts it: no `no` becomes false, no 22:22 becomes 1342). Whatever refers to something else
// or changes how the rest is read is refused: aliases, anchors, tags, merge keys, directives. So are duplicate keys,
// keys that are not text, tabs, byte order marks, control characters, and depth or size beyond what a policy needs (a
// reload must not overflow a stack).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/diagnostic.h"

namespace enforcer::policy {

inline constexpr std::size_t kMaxSourceBytes = 1 << 20;
inline constexpr std::size_t kMaxYamlDepth = 32;

struct YamlMember;

/// One node of a document. Plain data.
struct YamlNode {
  enum class Kind {
    kNothing,  ///< empty, `null` or `~`, without quotes
    kRefused,  ///< stood here, was reported, and is nobody's problem any more
    kText,
    kList,
    kMap,
  };
  Kind kind = Kind::kNothing;
  Place place;
  std::string text;                 ///< kText
  std::vector<YamlNode> items;      ///< kList
  std::vector<YamlMember> members;  ///< kMap, in the order of the file; keys are unique
};

struct YamlMember {
  std::string key;
  Place place;
  YamlNode value;
};

/// All documents of one text. Problems go to `out`; what could be read is returned all the same, so that the rest is
/// checked too. Documents without content are left out.
[[nodiscard]] std::vector<YamlNode> read_yaml(std::string_view file, std::string_view text, Diagnostics& out);

/// What read_yaml() checks before any parser sees the text: size, UTF-8, characters, tabs. True when nothing is wrong.
[[nodiscard]] bool check_plain_text(std::string_view file, std::string_view text, Diagnostics& out);

}  // namespace enforcer::policy
