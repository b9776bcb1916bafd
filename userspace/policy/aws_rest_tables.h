// The tables behind aws_rest_paths(), a file for each kind of service.
#pragma once

#include <span>

#include "policy/aws_rest_actions.h"

namespace enforcer::policy::rest {

std::span<const AwsRestPath> amplify();
std::span<const AwsRestPath> apigateway();
std::span<const AwsRestPath> appconfig();
std::span<const AwsRestPath> backup();
std::span<const AwsRestPath> batch();
std::span<const AwsRestPath> bedrock();
std::span<const AwsRestPath> cloudfront();
std::span<const AwsRestPath> eks();
std::span<const AwsRestPath> elasticfilesystem();
std::span<const AwsRestPath> es();
std::span<const AwsRestPath> kafka();
std::span<const AwsRestPath> lambda();
std::span<const AwsRestPath> mq();
std::span<const AwsRestPath> route53();

}  // namespace enforcer::policy::rest
