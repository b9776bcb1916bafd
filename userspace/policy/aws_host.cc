#include "policy/aws_host.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>
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
    {"bedrock-agent", "bedrock"},     {"bedrock-agent-runtime", "bedrock"},
    {"bedrock-runtime", "bedrock"},   {"email", "ses"},
    {"git-codecommit", "codecommit"}, {"marketplace", "aws-marketplace"},
    {"pinpoint", "mobiletargeting"},  {"queue", "sqs"},
    {"s3-accelerate", "s3"},          {"s3-control", "s3"},
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

/// The label that names the service. A bucket's name stands before it and may be anything, so only the end counts.
std::string_view service_label(std::span<const std::string_view> labels) {
  if (labels.size() > 1 && labels.back() == "vpce") labels = labels.first(labels.size() - 1);
  if (labels.size() > 1 && is_region(labels.back())) {
    labels = labels.first(labels.size() - 1);
    if (labels.size() > 1 && labels.back() == "dualstack") labels = labels.first(labels.size() - 1);
  }
  return labels.back();
}

std::string scope_name(std::string_view label) {
  if (label.starts_with("s3-") && is_region(label.substr(3))) return "s3";  // s3-us-west-2.amazonaws.com
  if (label.ends_with("-fips")) label.remove_suffix(5);
  const auto* const found = std::ranges::find(kSpellings, label, &Spelling::host);
  return std::string(found == std::end(kSpellings) ? label : found->scope);
}

}  // namespace

std::optional<std::string> aws_service_of(const HostName& host) {
  const std::string_view text = host.text();
  for (const std::string_view domain : kDomains) {
    if (!text.ends_with(domain)) continue;
    std::vector<std::string_view> labels = host.labels();
    labels.resize(labels.size() - static_cast<std::size_t>(std::ranges::count(domain, '.')));
    return scope_name(service_label(labels));
  }
  return std::nullopt;
}

}  // namespace enforcer::policy
