#include "http/problem.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace enforcer::http {
namespace {

std::string_view phrase(unsigned status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
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
  using Json = nlohmann::ordered_json;
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string make_denial_response(unsigned status, const Problem& problem, Connection connection) {
  const std::string body = problem_json(status, problem);
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\n"
      "Content-Type: application/problem+json\r\n"
      "Content-Length: {}\r\n"
      "Cache-Control: no-store\r\n",
      status, phrase(status), body.size());
  if (connection == Connection::kClose) head += "Connection: close\r\n";
  if (!problem.decision_id.empty()) head += fmt::format("enforcer-decision: deny; id={}\r\n", problem.decision_id);
  return head + "\r\n" + (problem.method == "HEAD" ? "" : body);
}

}  // namespace enforcer::http
