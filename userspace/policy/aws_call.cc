#include "policy/aws_call.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "policy/aws_host.h"
#include "policy/aws_request.h"
#include "policy/aws_rest.h"
#include "policy/aws_rpc.h"
#include "policy/aws_s3.h"
#include "policy/aws_scope.h"
#include "policy/compile.h"
#include "policy/findings.h"
#include "policy/glob.h"

namespace enforcer::policy {
namespace {

/// The Credential of "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
Saying credential_of(std::string_view authorization) {
  Saying saying;
  authorization.remove_prefix(std::min(authorization.find(' '), authorization.size()));
  while (!authorization.empty()) {
    const auto comma = authorization.find(',');
    std::string_view piece = authorization.substr(0, comma);
    authorization.remove_prefix(comma == std::string_view::npos ? authorization.size() : comma + 1);
    piece.remove_prefix(std::min(piece.find_first_not_of(' '), piece.size()));
    const auto equals = std::min(piece.find('='), piece.size());
    if (equal_folded(piece.substr(0, equals), "Credential"))
      saying.add(piece.substr(std::min(equals + 1, piece.size())));
  }
  return saying;
}

/// The service of the signature: none when there is no signature, empty when it cannot be told.
std::optional<std::string> signed_service(const RequestFacts& request) {
  Saying scope;
  if (request.query && !find_parameter(*request.query, "X-Amz-Credential", scope)) return "";
  const Saying authorization = field_of(request, "authorization");
  if (authorization.times > 1) return "";
  const std::string_view scheme = std::string_view(authorization.text).substr(0, authorization.text.find(' '));
  if (equal_folded(scheme.substr(0, 4), "AWS4")) {
    // AWS4-ECDSA-P256-SHA256 has another scope, and signs for many regions.
    if (scheme != "AWS4-HMAC-SHA256") return "";
    const Saying credential = credential_of(authorization.text);
    scope.times += credential.times == 0 ? 2 : credential.times;  // a signature without a scope tells nothing
    scope.text = credential.text;
  }
  if (scope.times == 0) return std::nullopt;
  const auto read = scope.times == 1 ? read_aws_scope(scope.text) : std::nullopt;
  return read ? std::string(read->service) : "";
}

std::string service_of(const std::optional<AwsHost>& host, const RequestFacts& request) {
  const std::optional<std::string> scope = signed_service(request);
  if (!host) return scope.value_or("");
  return !scope || *scope == host->service ? host->service : "";
}

/// A word of another protocol than REST, or a method that takes the place of the request's own.
bool speaks_with_two_tongues(const RequestFacts& request) {
  static constexpr std::string_view kWords[] = {"x-amz-target", "smithy-protocol", "x-http-method-override",
                                                "x-http-method", "x-method-override"};
  Saying action;
  if (request.query && !find_parameter(*request.query, "Action", action)) return true;
  return action.times > 0 ||
         std::ranges::any_of(kWords, [&](std::string_view word) { return field_of(request, word).times > 0; });
}

/// Behind a host that is none of AWS's own, the bucket may stand in the name or in the path: only what is the same in
/// both ways is told.
std::vector<std::string> s3_actions(const std::optional<AwsHost>& host, const RequestFacts& request) {
  if (!host) {
    auto by_path = read_s3_actions(request, S3Style::kPath);
    return by_path == read_s3_actions(request, S3Style::kVirtual) ? by_path : std::vector<std::string>();
  }
  const bool below = host->form == AwsHost::Form::kBelow;
  if (host->endpoint == "s3" && host->form == AwsHost::Form::kEndpoint) return read_s3_actions(request, S3Style::kPath);
  if ((host->endpoint == "s3" || host->endpoint == "s3-accelerate") && below && !host->in_vpc) {
    return read_s3_actions(request, S3Style::kVirtual);
  }
  return {};  // access points, S3 Control: other requests with other meanings
}

std::vector<std::string> rest_actions(const std::string& service, const std::optional<AwsHost>& host,
                                      const RequestFacts& request) {
  if (speaks_with_two_tongues(request)) return {};
  if (service == "s3") return s3_actions(host, request);
  // A host below the service's own is somebody's cluster or domain, whose paths are its own.
  if (host && host->form == AwsHost::Form::kBelow) return {};
  std::string action = read_rest_action(service, request);
  if (action.empty()) return {};
  return {std::move(action)};
}

}  // namespace

bool asks_about_aws(const GuestPolicy& policy, const Facts& facts) {
  if (!policy.compiled().any_aws) return false;
  return any_rule_here(policy.compiled(), facts, [](const CompiledRule& rule, const Facts& asked) {
    if (rule.rule->matcher.aws) return true;
    if (rule.credential == nullptr || !asked.host) return false;
    const auto* binding = rule.credential->binding_for(*asked.host, asked.port);
    return binding != nullptr && binding->as == CredentialSpec::Injection::As::kSigV4;
  });
}

bool aws_call_in_body(const RequestFacts& request) {
  return request.method == "POST" && is_aws_form(request);
}

AwsCall read_aws_call(const Facts& facts, std::string_view form) {
  if (!facts.request) return {};
  const auto host = facts.host ? read_aws_host(*facts.host) : std::nullopt;
  AwsCall call{.service = service_of(host, *facts.request), .action = {}, .also = {}};
  if (call.service.empty()) return call;  // its protocol is not known either
  if (call.service != "s3" && !is_rest_service(call.service)) {
    // S3's relatives are REST without a table.
    if (!call.service.starts_with("s3")) call.action = read_rpc_action(call.service, *facts.request, form);
    return call;
  }
  std::vector<std::string> actions = rest_actions(call.service, host, *facts.request);
  if (actions.empty()) return call;
  call.action = std::move(actions.front());
  actions.erase(actions.begin());
  call.also = std::move(actions);
  return call;
}

void add_aws_call(Facts& facts, std::string_view form) {
  auto known = std::make_shared<RequestFacts>(*facts.request);
  known->aws = read_aws_call(facts, form);
  facts.request = std::move(known);
}

bool some_call_fits(std::string_view service, std::string_view action_glob) {
  if (service != "s3" && !is_rest_service(service)) return true;
  const auto known = service == "s3" ? s3_actions_known() : rest_actions_known(service);
  return std::ranges::any_of(known, [&](std::string_view action) { return glob_matches(action_glob, action); });
}

}  // namespace enforcer::policy
