// The service that an AWS host serves.
#pragma once

#include <optional>
#include <string>

#include "base/host_name.h"

namespace enforcer::policy {

/// "ce" of ce.us-east-1.amazonaws.com, "s3" of bucket.s3.eu-west-1.amazonaws.com: as signatures spell it. None: not
/// below amazonaws.com, amazonaws.com.cn or api.aws.
[[nodiscard]] std::optional<std::string> aws_service_of(const HostName& host);

}  // namespace enforcer::policy
