#include "proxy/http_denial.h"

namespace enforcer::proxy {
namespace {

/// Seconds. A request that waits is held again when it comes back, so that the pauses in between are what is short.
constexpr unsigned kRetryAfter = 5;

http::Problem problem_of(const policy::Facts& facts, policy::Reason reason) {
  http::Problem problem{.detail = policy::description(reason), .reason = policy::label(reason)};
  if (facts.host) problem.host = facts.host->text();
  if (facts.request) {
    problem.method = facts.request->method;
    problem.path = facts.request->path;
  }
  return problem;
}

http::Answer answer_of(Dialect dialect, unsigned status, const http::Problem& problem) {
  switch (dialect) {
    case Dialect::kGrpc:
      return http::make_grpc_answer(status, problem);
    case Dialect::kRegistry:
      return http::make_registry_answer(status, problem);
    case Dialect::kProblem:
      break;
  }
  return http::make_problem_answer(status, problem);
}

}  // namespace

unsigned status_of(policy::Reason reason) {
  switch (reason) {
    case policy::Reason::kHostInvalid:
    case policy::Reason::kH1Framing:
    case policy::Reason::kH1Malformed:
    case policy::Reason::kH2Malformed:
      return 400;
    case policy::Reason::kLimitBody:
    case policy::Reason::kHoldBodyCap:
      return 413;
    case policy::Reason::kAuthorityMismatch:
    case policy::Reason::kAddressNotIssued:
      return 421;
    case policy::Reason::kLimitBytes:
    case policy::Reason::kLimitRequests:
    case policy::Reason::kQueueFull:
      return 429;
    case policy::Reason::kLimitHead:
      return 431;
    case policy::Reason::kCredentialUnavailable:
    case policy::Reason::kSecretReflected:
      return 502;
    case policy::Reason::kReviewPending:
    case policy::Reason::kAuditUnavailable:
    case policy::Reason::kInternal:
      return 503;
    default:
      return 403;
  }
}

http::Answer denial_answer(Dialect dialect, const policy::Facts& facts, const policy::Decision& denial,
                           const DecisionId& id, std::string_view review_id) {
  const std::string rule = full_name(denial.rule);
  http::Problem problem = problem_of(facts, denial.reason);
  const bool waits = denial.reason == policy::Reason::kReviewPending;
  problem.title = waits ? "Waiting for people" : "Denied by policy";
  if (waits) problem.retry_after = kRetryAfter;
  problem.review_id = review_id;
  problem.decision_id = id.text();
  problem.rule = rule;
  if (denial.rule != nullptr) problem.hint = denial.rule->note;
  return answer_of(dialect, status_of(denial.reason), problem);
}

http::Answer failure_answer(Dialect dialect, const policy::Facts& facts, policy::Reason reason, unsigned status) {
  http::Problem problem = problem_of(facts, reason);
  problem.title = status >= 500 ? "Origin failed" : "Request broken off";
  return answer_of(dialect, status, problem);
}

}  // namespace enforcer::proxy
