// What the API offers: one table that says, for every method and path, what it is and which role it needs. A request is
// first found here, then the caller's role is compared, then it is answered (control/answers.h).
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/peer.h"

namespace enforcer::control {

enum class Endpoint {
  kStatus,
  kVersion,
  kPolicies,
  kApply,
  kPolicyText,
  kPolicyTexts,
  kGenerations,
  kRollBack,
  kReload,
  kExplain,
  kLog,
  kGuests,
  kGuest,
  kAuthority,
  kEnvironment,
  kCreateGuest,
  kAttachGuest,
  kDeleteGuest,
  kPauseGuest,
  kResumeGuest,
  kLabelGuest,
  kExec,
  kCredentials,
  kSetCredential,
  kDeleteCredential,
  kRotateCredential,
  kTestCredential,
  kReviews,
  kReview,
  kApproveReview,
  kRejectReview,
  kWatchReviews,
};

/// A request target split: decoded path segments and decoded query fields (a field given twice is refused).
struct Target {
  std::vector<std::string> segments;
  std::map<std::string, std::string, std::less<>> query;

  [[nodiscard]] const std::string* field(std::string_view name) const;
};
/// kInvalid for anything that is not an absolute path, a broken escape, a NUL, or a repeated field.
Result<Target> parse_request_target(std::string_view text);

struct Match {
  Endpoint endpoint;
  Role role;         ///< who may call it (may_act_as)
  std::string name;  ///< the {name} of the path, not yet checked
};

/// Why a request has no route.
struct NoRoute {
  std::string allow;  ///< methods this path has, "GET, POST" (405); empty: there is no such path (404)
};

[[nodiscard]] std::expected<Match, NoRoute> find_route(std::string_view method, const Target& target);

}  // namespace enforcer::control
