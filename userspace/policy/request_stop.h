// RequestStop: which field of a rule's matchers a request does not fit, with both sides of it: "method DELETE is not in
// [GET, HEAD]". Found by asking the matchers field by field (request_matcher.h), so that it never says another thing
// than the decision.
#pragma once

#include <string>

#include "policy/explain.h"
#include "policy/request_matcher.h"

namespace enforcer::policy {

struct RequestStop {
  Stopper field = Stopper::kRequest;  ///< kRequest: more than one
  std::string detail;                 ///< one line for people. Values of header fields are never in it
};

/// Of a matcher that does not mean the request (Truth::kNo). Of several entries of `http`, those that come closest.
[[nodiscard]] RequestStop request_stop(const RequestMatcher& matcher, const RequestFacts& request, Leaning leaning);

/// What it is in the request that the matcher means: "method DELETE is in [DELETE]". Empty where it asks for nothing of
/// it, or where that cannot be told.
[[nodiscard]] std::string request_hit(const RequestMatcher& matcher, const RequestFacts& request, Leaning leaning);

}  // namespace enforcer::policy
