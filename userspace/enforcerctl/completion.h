// Completion scripts, written from the tree of verbs. A script has every verb, option and fixed value in it; names of
// guests, reviews, credentials, policies and images it asks the tool for, which says nothing when no daemon runs.
//
// Nothing that the daemon answers is evaluated by a shell: names are compared with what was typed, one by one.
#pragma once

#include <string>
#include <string_view>

#include "enforcerctl/verb_tree.h"

namespace enforcer::ctl {

/// What is offered in the place of a value: "words a b", "files", "folders", "names guest list", or "none".
[[nodiscard]] std::string offer_for(const Argument& argument);

/// The shells share one table of offers: a question, "guest list|--output" or "guest exec|0" (a place), and its answer.
struct OfferCase {
  std::vector<std::string> options;  ///< "-o", "--output"; empty: by place
  std::string path;                  ///< "guest list"; "*" with options: of every verb
  std::string place;                 ///< "0"; "*": there and further on
  std::string offer;
};
/// What takes no value is not in it; the cases with "*" are behind those without.
[[nodiscard]] std::vector<OfferCase> offer_cases(const Verb& root);

/// The text within single quotes, for bash and zsh.
[[nodiscard]] std::string shell_quoted(std::string_view text);

/// __enforcerctl_offer QUESTION, which prints the answer, as bash and zsh read it.
[[nodiscard]] std::string posix_offer_function(const Verb& root);

[[nodiscard]] std::string bash_completion(const Verb& root);
[[nodiscard]] std::string zsh_completion(const Verb& root);
[[nodiscard]] std::string fish_completion(const Verb& root);

}  // namespace enforcer::ctl
