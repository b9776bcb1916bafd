// What a guest is told over HTTP when a request does not go through: the status for each reason, and the answer.
#pragma once

#include <string>

#include "base/ids.h"
#include "http/message.h"
#include "policy/decision.h"
#include "policy/facts.h"

namespace enforcer::proxy {

/// 403 unless the reason says something more precise to an HTTP client (400, 421, 429, 431, 413, 502, ...).
[[nodiscard]] unsigned status_of(policy::Reason reason);

/// The answer to a denied request, ready to be sent.
[[nodiscard]] std::string denial_answer(const policy::Facts& facts, const policy::Decision& denial,
                                        const DecisionId& id, http::Connection connection);

/// The answer to an allowed request that came to nothing at its origin.
[[nodiscard]] std::string failure_answer(const policy::Facts& facts, policy::Reason reason, unsigned status,
                                         http::Connection connection);

}  // namespace enforcer::proxy
