#include "policy/aws_host.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.h"

namespace enforcer::policy {
namespace {

struct Spelling {
  std::string_view host;
  std::string_view scope;
};
// Where the host's label is not the name that signatures use.
constexpr Spelling kSpellings[] = {
    {"appconfigdata", "appconfig"},
    {"bedrock-agent", "bedrock"},
    {"bedrock-agent-runtime", "bedrock"},
    {"bedrock-data-automation", "bedrock"},
    {"bedrock-data-automation-runtime", "bedrock"},
    {"bedrock-runtime", "bedrock"},
    {"email", "ses"},
    {"git-codecommit", "codecommit"},
    {"marketplace", "aws-marketplace"},
    {"pinpoint", "mobiletargeting"},
    {"queue", "sqs"},
    {"s3-accelerate", "s3"},
    {"s3-control", "s3"},
};
constexpr std::string_view kDomains[] = {".amazonaws.com", ".amazonaws.com.cn", ".api.aws"};

/// "us-east-1", "us-gov-west-1", "cn-northwest-1": letters, then a number.
bool is_region(std::string_view label) {
  const auto dash = label.rfind('-');
  if (dash == std::string_view::npos || dash < 4 || label.size() - dash > 3 || label[2] != '-') return false;
  const auto letter = [](char c) { return ascii::is_lower(c) || c == '-'; };
  const std::string_view number = label.substr(dash + 1);
  return !number.empty() && std::ranges::all_of(label.substr(0, dash), letter) &&
         std::ranges::all_of(number, ascii::is_digit);
}

/// The labels as far as the one that names the service. A bucket's name stands before it and may be anything, so only
/// the end counts.
std::span<const std::string_view> up_to_service(std::span<const std::string_view> labels) {
  if (labels.size() > 1 && is_region(labels.back())) {
    labels = labels.first(labels.size() - 1);
    if (labels.size() > 1 && labels.back() == "dualstack") labels = labels.first(labels.size() - 1);
  }
  return labels;
}

AwsHost read_labels(std::span<const std::string_view> labels) {
  const bool in_vpc = labels.size() > 1 && labels.back() == "vpce";
  if (in_vpc) labels = labels.first(labels.size() - 1);
  labels = up_to_service(labels);
  std::string_view label = labels.back();
  const auto before = labels.first(labels.size() - 1);
  AwsHost host{.service = {}, .endpoint = {}, .form = AwsHost::Form::kEndpoint, .in_vpc = in_vpc};
  if (!before.empty() || in_vpc) {
    const bool is_private = in_vpc && before.size() == 1 && before.front().starts_with("vpce-");
    host.form = is_private ? AwsHost::Form::kPrivateEndpoint : AwsHost::Form::kBelow;
  }
  if (label.starts_with("s3-") && is_region(label.substr(3))) label = "s3";  // s3-us-west-2.amazonaws.com
  if (label.ends_with("-fips")) label.remove_suffix(5);
  const auto* const found = std::ranges::find(kSpellings, label, &Spelling::host);
  host.endpoint = label;
  host.service = found == std::end(kSpellings) ? label : found->scope;
  return host;
}

}  // namespace

std::optional<AwsHost> read_aws_host(const HostName& host) {
  const std::string_view text = host.text();
  for (const std::string_view domain : kDomains) {
    if (!text.ends_with(domain)) continue;
    std::vector<std::string_view> labels = host.labels();
    labels.resize(labels.size() - static_cast<std::size_t>(std::ranges::count(domain, '.')));
    return read_labels(labels);
  }
  return std::nullopt;
}

std::optional<std::string> aws_service_of(const HostName& host) {
  auto read = read_aws_host(host);
  return read ? std::optional(std::move(read->service)) : std::nullopt;
}

}  // namespace enforcer::policy
