// Two sets of policies, side by side: object by object, whatever files they stand in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/object_text.h"

namespace enforcer::ctl {

using Objects = std::vector<policy::ObjectText>;

struct ObjectDifference {
  std::string kind;
  std::string name;
  std::string change;  ///< "added", "changed", "removed"
  std::string text;    ///< unified difference
};

/// Those that are not the same text, sorted by kind and name. `before_name`, `after_name`: what the sets are called.
[[nodiscard]] std::vector<ObjectDifference> differences(const Objects& before, std::string_view before_name,
                                                        const Objects& after, std::string_view after_name);

/// `before` with those of `given` in the place of objects of the same kind and name, as `policy apply` does it.
[[nodiscard]] Objects with_replaced(const Objects& before, const Objects& given);

/// As sources, each object by itself and with the line numbers that it has in its file.
[[nodiscard]] std::vector<policy::SourceText> sources_of(const Objects& objects);

}  // namespace enforcer::ctl
