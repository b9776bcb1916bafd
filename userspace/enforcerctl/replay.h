// Replay: what policies would say about a decision of the past.
//
// The same matcher as the daemon's is asked, in the order of a connection (policy/decide.h): opened, ClientHello,
// request. What a record does not keep is not made up. Header fields and values of the query are unknown to the matcher
// (RequestFacts::Extent). Where more than one thing may have been said on a connection (a port that speaks TLS and
// clear HTTP, an encrypted name), all of them are asked, and the answer counts when they agree. So do the addresses:
// the guard judges those that the end of the connection has in its record, and no others.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "enforcerctl/history.h"
#include "policy/snapshot.h"

namespace enforcer::ctl {

enum class Fate { kAllow, kReview, kDeny, kUnknown };
[[nodiscard]] std::string_view label(Fate fate);  ///< "allow", "review", "deny", "unknown"

struct Replayed {
  Fate fate = Fate::kDeny;
  std::string rule{};  ///< "policy/rule", or empty
  std::string why{};   ///< for people
};

/// What came of it. What a person had to approve counts as held, whatever they said.
[[nodiscard]] Fate past_fate(const PastDecision& past);

/// None: no policy decides this (a limit, a malformed query, an origin that was down).
[[nodiscard]] std::optional<Replayed> replay(const PastDecision& past, const policy::Snapshot& snapshot,
                                             WallClock::time_point now);

}  // namespace enforcer::ctl
