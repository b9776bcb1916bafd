// explain(): why a decision came out as it did, for people. The decision itself is decide()'s; beside it every rule
// that has something to do with the question, and for those that did not match the one field that stopped them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/decide.h"

namespace enforcer::policy {

enum class Match {
  kMatched,  ///< the rule matched; the decision may still have come from a stronger one
  kPerhaps,  ///< it speaks about some requests, and which one this is cannot be seen or told: `detail` says so
  kNearly,   ///< one field kept it from matching
};
[[nodiscard]] std::string_view label(Match match);  ///< "matched", "perhaps", "nearly"

/// The field that stopped a rule that nearly matched.
enum class Stopper {
  kNone,      ///< it matched
  kHost,      ///< a similar name or neighbouring address: `detail` says how the rule's target differs
  kPort,      ///< the host, but another port
  kProtocol,  ///< clear HTTP on 443, TLS on 80
  kScheme,    ///< clear HTTP, over which its credential must not go
  kUpgrade,   ///< a WebSocket, and it does not say `websocket: true`
  // It speaks about other requests: `detail` says what the request has there and what the rule wants.
  kMethod,
  kPath,
  kQuery,
  kHeader,
  kGit,
  kAws,
  kRequest,  ///< more than one of these fields
  kExcept,   ///< taken out by the rule's own `except`
  kExpired,  ///< `expires` has passed
};
[[nodiscard]] std::string_view label(Stopper stopper);  ///< "", "host", "port", "protocol", "scheme", "method", …
/// It is a field of the request itself.
[[nodiscard]] bool is_of_request(Stopper stopper);

struct RuleTrace {
  const RuleInfo* rule = nullptr;  ///< lives as long as the GuestPolicy
  Match match = Match::kMatched;
  Stopper stopper = Stopper::kNone;
  std::string target;  ///< the entry of `to` this is about, as it stands in the file
  std::string detail;  ///< one sentence for people; empty for a plain match
};

struct Explanation {
  Decision decision;
  std::vector<RuleTrace> rules;  ///< matched first, then perhaps; in each deny, review, allow, then by policy and rule
};

[[nodiscard]] Explanation explain(const GuestPolicy& policy, const Facts& facts);

}  // namespace enforcer::policy
