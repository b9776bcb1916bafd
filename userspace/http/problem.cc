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

using Json = nlohmann::ordered_json;

Json members_of(unsigned status, const Problem& problem) {
  Json json;
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
  return json;
}

/// For clients that show their users one line.
std::string one_line(const Problem& problem) {
  std::string line = fmt::format("{}: {}", problem.title, problem.detail);
  if (!problem.reason.empty()) line += fmt::format(" ({})", problem.reason);
  if (!problem.decision_id.empty()) line += fmt::format(", decision {}", problem.decision_id);
  if (!problem.review_id.empty()) line += fmt::format(", review {}", problem.review_id);
  return line;
}

/// What a registry calls it (OCI distribution specification, "Error Codes"; UNAVAILABLE is Docker's own).
std::string_view registry_code(unsigned status) {
  if (status == 429) return "TOOMANYREQUESTS";
  return status < 500 ? "DENIED" : "UNAVAILABLE";
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

Answer json_answer(unsigned status, const Problem& problem, std::string_view type, const Json& json) {
  Answer answer{.head = {.status = status, .phrase = std::string(phrase(status)), .fields = {}, .body = {}},
                .body = json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n"};
  answer.head.fields = {{"Content-Type", std::string(type)}, {"Cache-Control", "no-store"}};
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

}  // namespace

Answer make_problem_answer(unsigned status, const Problem& problem) {
  return json_answer(status, problem, "application/problem+json", members_of(status, problem));
}

Answer make_registry_answer(unsigned status, const Problem& problem) {
  Json json = members_of(status, problem);
  json["errors"] = {{{"code", registry_code(status)}, {"message", one_line(problem)}}};
  return json_answer(status, problem, "application/json", json);
}

Answer make_grpc_answer(unsigned status, const Problem& problem) {
  Answer answer{.head = {.status = 200, .phrase = "OK", .fields = {}, .body = {}}, .body = {}};
  answer.head.fields = {{"content-type", "application/grpc"},
                        {"grpc-status", std::to_string(grpc_status(status))},
                        {"grpc-message", grpc_message(one_line(problem))}};
  add_decision(answer.head, problem);
  return answer;
}

bool is_registry_call(const RequestHead& head) {
  constexpr std::string_view kApi = "/v2/";
  const std::string_view path = head.path.path;
  if (path == kApi || path == kApi.substr(0, 3) || path == "/v2/_catalog") return true;
  if (!path.starts_with(kApi)) return false;
  // Names of repositories have slashes, and what is asked of them stands behind.
  for (const std::string_view asked : {"/manifests/", "/blobs/", "/tags/list", "/referrers/"}) {
    const auto found = path.rfind(asked);
    if (found != std::string_view::npos && found >= kApi.size()) return true;
  }
  return false;
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
