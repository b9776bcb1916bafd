// AwsQuestion: "cloudformation:DeleteStack" as a request, for people who ask what a policy says to it.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "policy/facts.h"

namespace enforcer::policy {

struct AwsQuestion {
  HostName host;
  RequestFacts request;
};

/// As a client would send it that puts all into its headers, path and query, with a scope that is worth nothing.
/// `host`: where it goes; none: where AWS's clients would send it. kInvalid: no action, no region; or an action of a
/// REST service that no request which we know does alone.
Result<AwsQuestion> aws_question(std::string_view action, std::string_view region, std::optional<HostName> host);

}  // namespace enforcer::policy
