#include "policy/aws_question.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "policy/aws_host.h"
#include "policy/aws_rest.h"
#include "policy/aws_rpc.h"
#include "policy/aws_s3.h"
#include "policy/aws_scope.h"

namespace enforcer::policy {
namespace {

// One endpoint for all regions; its signatures name the region that they belong to.
constexpr std::string_view kGlobal[] = {"cloudfront", "route53"};

Result<HostName> usual_host(std::string_view service, std::string_view region) {
  const std::string_view domain = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const bool global = std::ranges::find(kGlobal, service) != std::end(kGlobal);
  auto host = HostName::parse(global ? fmt::format("{}.{}", service, domain)
                                     : fmt::format("{}.{}.{}", service, region, domain));
  if (!host) return fail(Errc::kInvalid, fmt::format("'{}' is not a region of AWS", escape_untrusted(region, 64)));
  return *std::move(host);
}

S3Style style_at(const HostName& host) {
  const auto read = read_aws_host(host);
  return read && read->form == AwsHost::Form::kBelow ? S3Style::kVirtual : S3Style::kPath;
}

void ask_by_word(std::string_view service, std::string_view operation, RequestFacts& request) {
  request.method = "POST";
  request.path = "/";
  if (speaks_query_only(service)) {
    request.query = fmt::format("Action={}", operation);
    request.fields.push_back({"content-type", "application/x-www-form-urlencoded"});
  } else {
    request.fields.push_back({"content-type", "application/x-amz-json-1.1"});
    request.fields.push_back({"x-amz-target", fmt::format("test.{}", operation)});
  }
}

}  // namespace

Result<AwsQuestion> aws_question(std::string_view action, std::string_view region, std::optional<HostName> host) {
  const auto colon = action.find(':');
  const std::string_view service = action.substr(0, colon);
  const std::string_view operation = colon == std::string_view::npos ? "" : action.substr(colon + 1);
  if (!is_aws_word(service) || !is_aws_action(operation)) {
    return fail(Errc::kInvalid, fmt::format("'{}' is not an action of AWS", escape_untrusted(action, 128)));
  }
  const HostName usual = TRY(usual_host(service, region));
  HostName asked = host ? *std::move(host) : usual;
  const std::string scope = fmt::format("test/20260101/{}/{}/aws4_request", region, service);
  RequestFacts request{.transport = RequestFacts::Transport::kTls,
                       .method = {},
                       .path = {},
                       .query = std::nullopt,
                       .fields = {{"authorization", "AWS4-HMAC-SHA256 Credential=" + scope}},
                       .aws = std::nullopt};
  const bool is_s3 = service == "s3";
  if (!is_s3 && !is_rest_service(service)) {
    ask_by_word(service, operation, request);
  } else if (!(is_s3 ? sample_s3_request(operation, style_at(asked), request)
                     : sample_rest_request(service, operation, request))) {
    return fail(Errc::kInvalid,
                fmt::format("'{}' is no action of which a request is known: ask with 'request'", action));
  }
  return AwsQuestion{.host = std::move(asked), .request = std::move(request)};
}

}  // namespace enforcer::policy
