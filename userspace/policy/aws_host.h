// What the name of an AWS host says: the service, and how it was reached.
#pragma once

#include <optional>
#include <string>

#include "base/host_name.h"

namespace enforcer::policy {

struct AwsHost {
  enum class Form {
    kEndpoint,         ///< "lambda.us-east-1.amazonaws.com": the API of the service itself
    kPrivateEndpoint,  ///< "vpce-1a-2b.lambda.us-east-1.vpce.amazonaws.com": the same, out of a VPC
    kBelow,            ///< "bucket.s3.eu-west-1.amazonaws.com": somebody's bucket, cluster, domain, broker
  };
  std::string service;   ///< "bedrock" of bedrock-runtime: as signatures spell it
  std::string endpoint;  ///< "bedrock-runtime": as the host spells it, without "-fips"
  Form form = Form::kEndpoint;
  bool in_vpc = false;  ///< reached through an endpoint in a VPC
};

/// Nothing: not below amazonaws.com, amazonaws.com.cn or api.aws.
[[nodiscard]] std::optional<AwsHost> read_aws_host(const HostName& host);

/// "ce" of ce.us-east-1.amazonaws.com, "s3" of bucket.s3.eu-west-1.amazonaws.com: as signatures spell it. None: not
/// below amazonaws.com, amazonaws.com.cn or api.aws.
[[nodiscard]] std::optional<std::string> aws_service_of(const HostName& host);

}  // namespace enforcer::policy
