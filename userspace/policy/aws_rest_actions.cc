#include "policy/aws_rest_actions.h"

#include <algorithm>
#include <iterator>

#include "policy/aws_rest_tables.h"

namespace enforcer::policy {
namespace {

struct RestService {
  std::string_view service;
  std::span<const AwsRestPath> (*paths)();
};
constexpr RestService kRestServices[] = {
    {"amplify", rest::amplify},
    {"apigateway", rest::apigateway},
    {"appconfig", rest::appconfig},
    {"backup", rest::backup},
    {"batch", rest::batch},
    {"bedrock", rest::bedrock},
    {"cloudfront", rest::cloudfront},
    {"eks", rest::eks},
    {"elasticfilesystem", rest::elasticfilesystem},
    {"es", rest::es},
    {"kafka", rest::kafka},
    {"lambda", rest::lambda},
    {"mq", rest::mq},
    {"route53", rest::route53},
};

}  // namespace

std::span<const AwsRestPath> aws_rest_paths(std::string_view service) {
  const auto* const found = std::ranges::find(kRestServices, service, &RestService::service);
  return found == std::end(kRestServices) ? std::span<const AwsRestPath>() : found->paths();
}

}  // namespace enforcer::policy
