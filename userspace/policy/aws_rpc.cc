#include "policy/aws_rpc.h"

#include <algorithm>
#include <iterator>

#include "base/ascii.h"
#include "policy/aws_request.h"

namespace enforcer::policy {
namespace {

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
constexpr std::string_view kTargetTypes[] = {"application/x-amz-json-1.0", "application/x-amz-json-1.1",
                                             "application/x-amz-cbor-1.1"};
constexpr std::size_t kLongestAction = 128;

bool has_target_type(const RequestFacts& request) {
  const Saying type = field_of(request, "content-type");
  if (type.times != 1) return false;
  const std::string_view media = media_type(type.text);
  return std::ranges::any_of(kTargetTypes, [&](std::string_view known) { return equal_folded(media, known); });
}

bool has_query(const RequestFacts& request) {
  return request.query && !request.query->empty();
}

/// Whether every place in which the service could look for an action is one that was looked at.
bool all_places_seen(const RequestFacts& request, bool has_target) {
  if (request.path != "/") return false;  // the action is in the path, or the queue's name is
  if (request.method == "GET") return !has_target && field_of(request, "content-type").times == 0;
  if (request.method != "POST") return false;
  return is_aws_form(request) || (has_target && !has_query(request) && has_target_type(request));
}

/// "PutMetricData" of /service/GraniteServiceVersion20100801/operation/PutMetricData. That no other protocol's words
/// stand beside it is a rule of the protocol itself.
std::string smithy_action(const RequestFacts& request) {
  const Saying protocol = field_of(request, "smithy-protocol");
  const Saying type = field_of(request, "content-type");
  const bool has_type = type.times == 1 && equal_folded(media_type(type.text), "application/cbor");
  if (protocol.times != 1 || protocol.text != "rpc-v2-cbor" || (type.times > 0 && !has_type)) return "";
  if (request.method != "POST" || has_query(request) || field_of(request, "x-amz-target").times > 0) return "";
  constexpr std::string_view kService = "/service/";
  constexpr std::string_view kOperation = "/operation/";
  std::string_view path = request.path;
  if (!path.starts_with(kService)) return "";
  path.remove_prefix(kService.size());
  const auto slash = std::min(path.find('/'), path.size());
  const std::string_view name = path.substr(0, slash);
  path.remove_prefix(slash);
  if (name.empty() || !std::ranges::all_of(name, ascii::is_alphanumeric) || !path.starts_with(kOperation)) return "";
  path.remove_prefix(kOperation.size());
  return is_aws_action(path) ? std::string(path) : "";
}

}  // namespace

bool speaks_query_only(std::string_view service) {
  return std::ranges::find(kQueryOnly, service) != std::end(kQueryOnly);
}

bool is_aws_action(std::string_view text) {
  return !text.empty() && text.size() <= kLongestAction && ascii::is_upper(text.front()) &&
         std::ranges::all_of(text, ascii::is_alphanumeric);
}

bool is_aws_form(const RequestFacts& request) {
  const Saying type = field_of(request, "content-type");
  return type.times == 1 && equal_folded(media_type(type.text), "application/x-www-form-urlencoded") &&
         field_of(request, "content-encoding").times == 0;  // a compressed form says nothing to us
}

std::string read_rpc_action(std::string_view service, const RequestFacts& request, std::string_view form) {
  const bool query_only = speaks_query_only(service);
  if (field_of(request, "smithy-protocol").times > 0) return query_only ? "" : smithy_action(request);
  const Saying target = field_of(request, "x-amz-target");
  if (target.times > 0 && query_only) return "";
  if (!all_places_seen(request, target.times > 0)) return "";
  Saying action;
  if (request.query && !find_parameter(*request.query, "Action", action)) return "";
  const bool in_body = request.method == "POST" && is_aws_form(request);
  if (in_body && !find_parameter(form, "Action", action)) return "";
  if (target.times + action.times != 1) return "";
  if (target.times == 1) {
    const auto dot = target.text.rfind('.');
    if (dot == std::string::npos || dot == 0) return "";
    action.text = target.text.substr(dot + 1);
  }
  return is_aws_action(action.text) ? action.text : "";
}

}  // namespace enforcer::policy
