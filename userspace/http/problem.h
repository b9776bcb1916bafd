// The answer a denied HTTP client gets: RFC 9457 problem details, with the decision id a person can search the log for.
// It names the rule that decided and never any other.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace enforcer::http {

/// What the answer says. Empty members are left out. Guest text is escaped here.
struct Problem {
  std::string_view title;        ///< "Denied by policy"
  std::string_view detail;       ///< one sentence
  std::string_view decision_id;  ///< DecisionId::text()
  std::string_view rule;         ///< "policy/rule"
  std::string_view reason;       ///< policy::label(reason)
  std::string_view host;
  std::string_view method;  ///< "HEAD": the answer has no body
  std::string_view path;
  std::string_view hint;
};

/// The whole HTTP/1.1 response, head and body; with `enforcer-decision: deny; id=...` where there is a decision id.
/// `status` is a 4xx or 5xx code; `connection`: what we do with it afterwards.
[[nodiscard]] std::string make_denial_response(unsigned status, const Problem& problem, Connection connection);

}  // namespace enforcer::http
