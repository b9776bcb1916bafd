// What may stand in a git matcher.
#pragma once

#include <string_view>

namespace enforcer::policy {

/// "acme/w", "acme/*", "group/**": at least two segments.
[[nodiscard]] bool is_repository_pattern(std::string_view text);

/// "refs/heads/main", "refs/heads/agent/**": what the name of a ref could be (git-check-ref-format(1)), with '*'.
[[nodiscard]] bool is_ref_pattern(std::string_view text);

}  // namespace enforcer::policy
