// The verbs as data: what completion scripts and the manual page are written from. Read out of the tree that the tool
// parses with, so that neither can know less, or other things, than the tool.
#pragma once

#include <string>
#include <vector>

#include "enforcerctl/verbs.h"

namespace enforcer::ctl {

struct Argument {
  std::vector<std::string> names;  ///< "-o", "--output"; empty: it is told by its place
  std::string value;               ///< "FORMAT", "GUEST"; empty: a flag
  std::string description;
  std::vector<std::string> choices;                      ///< every value that is taken; empty: others than these, too
  enum class Shared { kNo, kYes } shared = Shared::kNo;  ///< kYes: every verb has it
  enum class Times { kOnce, kMany } times = Times::kOnce;
  enum class Needed { kNo, kYes } needed = Needed::kNo;
};

struct Verb {
  std::vector<std::string> path;  ///< {"guest", "list"}; empty: the tool itself
  VerbText text;
  std::vector<Argument> options;      ///< as --help has them
  std::vector<Argument> positionals;  ///< in their order
  std::vector<Verb> verbs;
};

[[nodiscard]] Verb verb_tree();

/// The verb and all below it, each before what it holds.
[[nodiscard]] std::vector<const Verb*> flattened(const Verb& root);

/// "guest list"
[[nodiscard]] std::string path_text(const Verb& verb);

}  // namespace enforcer::ctl
