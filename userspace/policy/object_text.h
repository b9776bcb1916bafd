// The objects of policy files as texts: what `policy apply` replaces one by one, and what people compare.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/loader.h"

namespace enforcer::policy {

/// One object, with the comments around it.
struct ObjectText {
  std::string kind;  ///< as written: "Policy"
  std::string name;  ///< metadata.name as written
  std::string file;  ///< the source that it stands in
  int line = 1;      ///< where `text` begins there, from 1
  std::string text;
  SourceOrigin origin = SourceOrigin::kConfigured;
};

/// Cuts every source into its objects at the lines that separate YAML documents; pieces without an object are left out.
/// What an object says is not checked. kInvalid: a piece is no YAML, or not one object.
[[nodiscard]] Result<std::vector<ObjectText>> split_objects(std::span<const SourceText> sources);

}  // namespace enforcer::policy
