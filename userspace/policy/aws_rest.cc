#include "policy/aws_rest.h"

#include <algorithm>
#include <optional>

#include "policy/aws_request.h"
#include "policy/aws_rest_actions.h"
#include "policy/glob.h"

namespace enforcer::policy {
namespace {

/// One of AwsRestPath::calls, in parts.
struct RestCall {
  std::string_view method;
  std::string_view parameter;  ///< empty: without one
  std::string_view value;      ///< empty: any
  std::string_view action;
};

/// Takes the next call off `rest`; false when there is none any more.
bool next_call(std::string_view& rest, RestCall& call) {
  if (rest.empty()) return false;
  const auto blank = std::min(rest.find(' '), rest.size());
  std::string_view text = rest.substr(0, blank);
  rest.remove_prefix(std::min(blank + 1, rest.size()));
  const auto colon = text.rfind(':');
  call.action = text.substr(colon + 1);
  text = text.substr(0, colon);
  const auto mark = std::min(text.find('?'), text.size());
  call.method = text.substr(0, mark);
  text.remove_prefix(std::min(mark + 1, text.size()));
  const auto equals = std::min(text.find('='), text.size());
  call.parameter = text.substr(0, equals);
  call.value = text.substr(std::min(equals + 1, text.size()));
  return true;
}

bool has_method(std::string_view calls, std::string_view method) {
  RestCall call;
  while (next_call(calls, call)) {
    if (call.method == method) return true;
  }
  return false;
}

std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);
  const auto slash = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, slash);
  path.remove_prefix(slash);
  return segment;
}

/// A service that knows /jobs/search beside /jobs/* cannot mean a job called "search". Both fit the same path, so that
/// they have as many segments.
bool more_exact(std::string_view one, std::string_view other) {
  while (!one.empty() && !other.empty()) {
    const bool left = next_segment(one) == "*";
    const bool right = next_segment(other) == "*";
    if (left != right) return right;
  }
  return false;
}

const AwsRestPath* find_path(std::string_view service, std::string_view method, std::string_view path) {
  const AwsRestPath* best = nullptr;
  for (const AwsRestPath& known : aws_rest_paths(service)) {
    if (!has_method(known.calls, method) || !path_matches(known.path, path)) continue;
    if (best == nullptr || more_exact(known.path, best->path)) best = &known;
  }
  return best;
}

/// The one of a row's calls that method and query mean; empty when the query can be read in two ways.
std::string_view choose(std::string_view calls, const RequestFacts& request) {
  std::string_view plain;
  std::string_view chosen;
  bool named = false;  // some parameter that tells calls apart is there
  RestCall call;
  while (next_call(calls, call)) {
    if (call.method != request.method) continue;
    if (call.parameter.empty()) {
      plain = call.action;
      continue;
    }
    Saying said;
    if (!find_parameter(request.query.value_or(""), call.parameter, said) || said.times > 1) return {};
    if (said.times == 0) continue;
    named = true;
    // A parameter in another spelling has an empty value here; a value is compared only where it makes the difference.
    if (!call.value.empty() && said.text != call.value) continue;
    if (!chosen.empty()) return {};
    chosen = call.action;
  }
  return named ? chosen : plain;
}

std::string_view action_at(std::string_view service, const RequestFacts& request, std::string_view path) {
  const AwsRestPath* found = find_path(service, request.method, path);
  return found == nullptr ? "" : choose(found->calls, request);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// Every segment with an escaped slash is an ARN, as in "/tags/arn%3Aaws%3Aeks%3A…%3Acluster%2Fname".
bool only_arns_have_slashes(std::string_view path) {
  while (!path.empty()) {
    const std::string_view segment = next_segment(path);
    if (segment.contains("%2F") && !segment.starts_with("arn%3A") && !segment.starts_with("arn:")) return false;
  }
  return true;
}

}  // namespace

bool is_rest_service(std::string_view service) {
  return !aws_rest_paths(service).empty();
}

std::string read_rest_action(std::string_view service, const RequestFacts& request) {
  if (request.path.contains(';') || request.path.contains("%3B")) return "";
  const std::string_view action = action_at(service, request, request.path);
  if (!request.path.contains("%2F")) return std::string(action);
  // Clients escape the slashes of an ARN, which therefore stays one segment to the service. Where it would be another
  // request without the escapes, better not to rely on that.
  std::string loose = request.path;
  replace_all(loose, "%2F", "/");
  const std::string_view loosely = action_at(service, request, loose);
  const bool plain = loosely == action || (loosely.empty() && only_arns_have_slashes(request.path));
  return plain ? std::string(action) : "";
}

bool sample_rest_request(std::string_view service, std::string_view action, RequestFacts& into) {
  for (const AwsRestPath& known : aws_rest_paths(service)) {
    std::string_view rest = known.calls;
    RestCall call;
    while (next_call(rest, call)) {
      if (call.action != action) continue;
      into.method = call.method;
      into.path = known.path;
      replace_all(into.path, "*", "x");
      if (!call.parameter.empty()) into.query = std::string(call.parameter) + "=" + std::string(call.value);
      return true;
    }
  }
  return false;
}

std::vector<std::string_view> rest_actions_known(std::string_view service) {
  std::vector<std::string_view> actions;
  for (const AwsRestPath& known : aws_rest_paths(service)) {
    std::string_view rest = known.calls;
    RestCall call;
    while (next_call(rest, call)) actions.push_back(call.action);
  }
  return actions;
}

}  // namespace enforcer::policy
