#include "policy/aws_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/text.h"
#include "policy/aws_host.h"
#include "policy/aws_scope.h"
#include "policy/compile.h"
#include "policy/findings.h"
#include "policy/parameters.h"

namespace enforcer::policy {
namespace {

/// Services that have the query protocol only: whatever the headers say, they look for the action in the body.
constexpr std::string_view kQueryOnly[] = {"autoscaling",
                                           "cloudformation",
                                           "cloudsearch",
                                           "ec2",
                                           "elasticache",
                                           "elasticbeanstalk",
                                           "elasticloadbalancing",
                                           "email",
                                           "iam",
                                           "rds",
                                           "redshift",
                                           "sdb",
                                           "sns",
                                           "sts"};
constexpr std::size_t kLongestAction = 128;

/// Something that a request should say once.
struct Saying {
  int times = 0;
  std::string text;

  void add(std::string_view said) {
    ++times;
    text = said;
  }
};

bool speaks_query_only(std::string_view service) {
  return std::ranges::find(kQueryOnly, service) != std::end(kQueryOnly);
}
/// AWS's actions begin with a capital: "GetCostAndUsage".
bool is_action(std::string_view text) {
  return !text.empty() && text.size() <= kLongestAction && ascii::is_upper(text.front()) &&
         std::ranges::all_of(text, ascii::is_alphanumeric);
}

bool equal_folded(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, {}, ascii::lower, ascii::lower);
}

/// The values of one field.
Saying field(const RequestFacts& request, std::string_view name) {
  Saying saying;
  for (const FieldFact& fact : request.fields) {
    if (fact.name == name) saying.add(fact.value);
  }
  return saying;
}

/// What a query or form says under a name, in whatever spelling of it. False when the text can be read in more than one
/// way.
bool find_parameter(std::string_view text, std::string_view name, Saying& into) {
  if (text.contains(';')) return false;
  Parameter parameter;
  while (next_parameter(text, "&", parameter)) {
    const bool plain = parameter.well_formed && !parameter.name.contains('%') &&
                       std::ranges::all_of(parameter.name, ascii::is_visible);
    if (!plain) return false;
    if (equal_folded(parameter.name, name)) into.add(parameter.name == name ? parameter.value : "");
  }
  return true;
}

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
  const Saying authorization = field(request, "authorization");
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

std::string service_of(const Facts& facts) {
  const std::optional<std::string> scope = signed_service(*facts.request);
  const std::optional<std::string> host = facts.host ? aws_service_of(*facts.host) : std::nullopt;
  if (!host) return scope.value_or("");
  return !scope || *scope == *host ? *host : "";
}

std::string_view media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ') || content_type.ends_with('\t')) content_type.remove_suffix(1);
  return content_type;
}

bool is_form(const RequestFacts& request) {
  const Saying type = field(request, "content-type");
  return type.times == 1 && equal_folded(media_type(type.text), "application/x-www-form-urlencoded") &&
         field(request, "content-encoding").times == 0;  // a compressed form says nothing to us
}
bool is_aws_json(const RequestFacts& request) {
  const Saying type = field(request, "content-type");
  if (type.times != 1) return false;
  const std::string_view media = media_type(type.text);
  return equal_folded(media, "application/x-amz-json-1.0") || equal_folded(media, "application/x-amz-json-1.1");
}

/// Whether every place in which the service could look for an action is one that was looked at.
bool all_places_seen(const RequestFacts& request, bool has_target) {
  if (request.path != "/") return false;  // the action is in the path, or the queue's name is
  const bool has_query = request.query && !request.query->empty();
  if (request.method == "GET") return !has_target && field(request, "content-type").times == 0;
  if (request.method != "POST") return false;
  return is_form(request) || (has_target && !has_query && is_aws_json(request));
}

std::string action_of(const RequestFacts& request, std::string_view form) {
  const Saying target = field(request, "x-amz-target");
  if (!all_places_seen(request, target.times > 0)) return "";
  Saying action;
  if (request.query && !find_parameter(*request.query, "Action", action)) return "";
  if (aws_call_in_body(request) && !find_parameter(form, "Action", action)) return "";
  if (target.times + action.times != 1) return "";
  if (target.times == 1) {
    const auto dot = target.text.rfind('.');
    if (dot == std::string::npos || dot == 0) return "";
    action.text = target.text.substr(dot + 1);
  }
  return is_action(action.text) ? action.text : "";
}

}  // namespace

bool asks_about_aws(const GuestPolicy& policy, const Facts& facts) {
  return any_rule_here(policy.compiled(), facts, [](const CompiledRule& rule, const Facts& asked) {
    if (rule.rule->matcher.aws) return true;
    if (rule.credential == nullptr || !asked.host) return false;
    const auto* binding = rule.credential->binding_for(*asked.host, asked.port);
    return binding != nullptr && binding->as == CredentialSpec::Injection::As::kSigV4;
  });
}

bool aws_call_in_body(const RequestFacts& request) {
  return request.method == "POST" && is_form(request);
}

AwsCall read_aws_call(const Facts& facts, std::string_view form) {
  if (!facts.request) return {};
  AwsCall call{.service = service_of(facts), .action = action_of(*facts.request, form)};
  // An unknown service's protocol is not known either; and "POST /?delete" to S3 is no action that we could read.
  if (call.service.empty() || call.service.starts_with("s3")) call.action.clear();
  if (speaks_query_only(call.service) && field(*facts.request, "x-amz-target").times > 0) call.action.clear();
  return call;
}

void add_aws_call(Facts& facts, std::string_view form) {
  auto known = std::make_shared<RequestFacts>(*facts.request);
  known->aws = read_aws_call(facts, form);
  facts.request = std::move(known);
}

Result<AwsQuestion> aws_question(std::string_view action, std::string_view region) {
  const auto colon = action.find(':');
  const std::string_view service = action.substr(0, colon);
  const std::string_view operation = colon == std::string_view::npos ? "" : action.substr(colon + 1);
  if (!is_aws_word(service) || !is_action(operation)) {
    return fail(Errc::kInvalid, fmt::format("'{}' is not an action of AWS", escape_untrusted(action, 128)));
  }
  const std::string_view domain = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  auto host = HostName::parse(fmt::format("{}.{}.{}", service, region, domain));
  if (!host) return fail(Errc::kInvalid, fmt::format("'{}' is not a region of AWS", escape_untrusted(region, 64)));
  const std::string scope = fmt::format("test/20260101/{}/{}/aws4_request", region, service);
  RequestFacts request{.transport = RequestFacts::Transport::kTls,
                       .method = "POST",
                       .path = "/",
                       .query = std::nullopt,
                       .fields = {{"authorization", "AWS4-HMAC-SHA256 Credential=" + scope}},
                       .aws = std::nullopt};
  if (speaks_query_only(service)) {
    request.query = fmt::format("Action={}", operation);
    request.fields.push_back({"content-type", "application/x-www-form-urlencoded"});
  } else {
    request.fields.push_back({"content-type", "application/x-amz-json-1.1"});
    request.fields.push_back({"x-amz-target", fmt::format("test.{}", operation)});
  }
  return AwsQuestion{.host = *std::move(host), .request = std::move(request)};
}

}  // namespace enforcer::policy
