// What the verbs about held requests share: finding one, and saying yes or no to it.
#pragma once

#include <string>
#include <string_view>

#include "control/api.h"
#include "control/review_info.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {

/// So many characters at the end of an id are shown, and at least kShortestEnding have to be given.
inline constexpr std::size_t kShownEnding = 8;
inline constexpr std::size_t kShortestEnding = 6;

/// The held request with this id, or the one whose id ends so, in either case. kInvalid: too short an ending;
/// kConflict: several end so; kNotFound.
Result<control::ReviewInfo> find_review(const Tool& tool, std::string_view text);

/// A verdict about the request of `seen` and no other: the daemon's answer, JSON. Errors as of Backend::decide_review.
Result<std::string> send_verdict(const Tool& tool, control::ReviewDecision::Say say, const control::ReviewInfo& seen,
                                 std::string comment);

/// The end of an id that people see and type.
[[nodiscard]] std::string short_id(std::string_view id);

}  // namespace enforcer::ctl
