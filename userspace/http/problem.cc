#include "http/problem.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "base/text.h"
#include "http/field_rules.h"

namespace enforcer::http {
namespace {

std::string_view phrase(unsigned status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 413:
      return "Content Too Large";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return status < 500 ? "Denied" : "Failed";
  }
}

std::string problem_json(unsigned status, const Problem& problem) {
  nlohmann::ordered_json json;
  json["type"] = problem.reason.empty() ? "about:blank" : fmt::format("urn:enforcer:denied:{}", problem.reason);
  json["status"] = status;
  const auto add = [&json](const char* key, std::string_view value) {
    if (!value.empty()) json[key] = value;
  };
  add("title", problem.title);
  add("detail", problem.detail);
  add("decision_id", problem.decision_id);
  add("rule", problem.rule);
  add("reason", problem.reason);
  // Written by the guest: bounded and printable, whoever prints it.
  add("host", escape_untrusted(problem.host));
  add("method", escape_untrusted(problem.method));
  add("path", escape_untrusted(problem.path));
  add("hint", problem.hint);
  add("review_id", problem.review_id);
  using Json = nlohmann::ordered_json;
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

/// What gRPC calls it (google.rpc.Code; the mapping of statuses is the protocol's own where it has one).
int grpc_status(unsigned status) {
  constexpr int kPermissionDenied = 7;
  constexpr int kResourceExhausted = 8;
  constexpr int kInternal = 13;
  constexpr int kUnavailable = 14;
  switch (status) {
    case 400:
      return kInternal;
    case 413:
    case 429:
    case 431:
      return kResourceExhausted;
    case 502:
    case 503:
    case 504:
      return kUnavailable;
    default:
      return kPermissionDenied;
  }
}

/// The gRPC protocol percent-encodes a message: everything but visible ASCII and the blank, and '%'.
std::string grpc_message(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (ascii::is_printable(c) && c != '%') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", octet);
    }
  }
  return out;
}

void add_decision(ResponseHead& head, const Problem& problem) {
  if (problem.decision_id.empty()) return;
  head.fields.push_back({"enforcer-decision", fmt::format("deny; id={}", problem.decision_id)});
}

}  // namespace

Answer make_problem_answer(unsigned status, const Problem& problem) {
  Answer answer{.head = {.status = status, .phrase = std::string(phrase(status)), .fields = {}, .body = {}},
                .body = problem_json(status, problem)};
  answer.head.fields = {{"Content-Type", "application/problem+json"}, {"Cache-Control", "no-store"}};
  add_decision(answer.head, problem);
  if (problem.retry_after > 0) answer.head.fields.push_back({"Retry-After", std::to_string(problem.retry_after)});
  if (problem.method == "HEAD") {
    answer.head.announced = answer.body.size();
    answer.body.clear();
  } else {
    answer.head.body = {BodyFraming::Kind::kLength, answer.body.size()};
  }
  return answer;
}

Answer make_grpc_answer(unsigned status, const Problem& problem) {
  Answer answer{.head = {.status = 200, .phrase = "OK", .fields = {}, .body = {}}, .body = {}};
  std::string message = fmt::format("{}: {}", problem.title, problem.detail);
  if (!problem.reason.empty()) message += fmt::format(" ({})", problem.reason);
  if (!problem.decision_id.empty()) message += fmt::format(", decision {}", problem.decision_id);
  if (!problem.review_id.empty()) message += fmt::format(", review {}", problem.review_id);
  answer.head.fields = {{"content-type", "application/grpc"},
                        {"grpc-status", std::to_string(grpc_status(status))},
                        {"grpc-message", grpc_message(message)}};
  add_decision(answer.head, problem);
  return answer;
}

bool is_grpc(const RequestHead& head) {
  constexpr std::string_view kType = "application/grpc";
  for (const std::string_view value : values_of(head.fields, "content-type")) {
    if (!value.starts_with(kType)) continue;
    const std::string_view rest = value.substr(kType.size());
    if (rest.empty() || rest[0] == '+' || rest[0] == ';') return true;
  }
  return false;
}

}  // namespace enforcer::http
