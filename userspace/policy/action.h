// What a request does, in words: what reviewers read and what the log says beside method and path.
#pragma once

#include <string>

#include "policy/facts.h"

namespace enforcer::policy {

/// "cloudformation:DeleteStack", "git push acme/w refs/heads/main (delete)", "git push --force acme/w refs/heads/main";
/// empty where neither was read (RequestFacts::aws, git) or it cannot be told. At most kLongestActionText octets, as
/// the guest sent them: not escaped.
[[nodiscard]] std::string named_action(const RequestFacts& request);

/// The same, otherwise "METHOD /path".
[[nodiscard]] std::string action_of(const RequestFacts& request);

inline constexpr std::size_t kLongestActionText = 512;

}  // namespace enforcer::policy
