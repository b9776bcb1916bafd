// What a guest is told over HTTP when a request does not go through: the status for each reason, and the answer.
#pragma once

#include "base/ids.h"
#include "http/problem.h"
#include "policy/decision.h"
#include "policy/facts.h"

namespace enforcer::proxy {

/// 403 unless the reason says something more precise to an HTTP client (400, 421, 429, 431, 413, 502, ...).
[[nodiscard]] unsigned status_of(policy::Reason reason);

/// What a denied or failed request is answered with, in the form that this kind of client reads.
enum class Dialect : std::uint8_t { kProblem, kGrpc, kRegistry };

/// `review_id`: of the review that waits, or that ended like this; empty: there was none.
[[nodiscard]] http::Answer denial_answer(Dialect dialect, const policy::Facts& facts, const policy::Decision& denial,
                                         const DecisionId& id, std::string_view review_id);

/// The answer to an allowed request that came to nothing at its origin.
[[nodiscard]] http::Answer failure_answer(Dialect dialect, const policy::Facts& facts, policy::Reason reason,
                                          unsigned status);

}  // namespace enforcer::proxy
