// The answer a denied HTTP client gets: RFC 9457 problem details, with the decision id a person can search the log for.
// It names the rule that decided and never any other.
#pragma once

#include <string>
#include <string_view>

#include "http/request_head.h"
#include "http/response_head.h"

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
  std::string_view review_id;  ///< of the review that waits, or that ended like this
  unsigned retry_after = 0;    ///< seconds, as Retry-After (RFC 9110 10.2.3); 0: left out
};

/// A whole response of ours, for any version of HTTP.
struct Answer {
  ResponseHead head;
  std::string body;  ///< empty for HEAD
};

/// `application/problem+json`, with `enforcer-decision: deny; id=...` where there is a decision id. `status` is a 4xx
/// or 5xx code.
[[nodiscard]] Answer make_problem_answer(unsigned status, const Problem& problem);

/// The same for a gRPC client, which reads no body: 200 and a status of its own in the head ("Trailers-Only" of the
/// gRPC protocol over HTTP/2), with the detail as the message.
[[nodiscard]] Answer make_grpc_answer(unsigned status, const Problem& problem);

/// The same for a client of a registry of container images: it shows what stands in `errors`, and looks there only
/// where the type is `application/json`. 5xx it answers by itself.
[[nodiscard]] Answer make_registry_answer(unsigned status, const Problem& problem);

/// Is this a call of a registry? (OCI distribution specification, "Endpoints": below `/v2/`, which others have, too)
[[nodiscard]] bool is_registry_call(const RequestHead& head);

/// Is this a gRPC request? (`content-type: application/grpc`, also with `+proto` and the like)
[[nodiscard]] bool is_grpc(const RequestHead& head);

}  // namespace enforcer::http
