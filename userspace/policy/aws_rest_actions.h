// The tables of AWS services whose action is in method and path: REST (the services' API References).
//
// A service is called as signatures call it; one name may stand for several APIs (apigateway for REST and for HTTP
// APIs, es for OpenSearch and for Elasticsearch, bedrock for its control plane and its runtime). What a table lacks is
// unknown and not wrong, so that only the rows that there are must be right: tests/unit/policy/aws_models_test.cc
// compares them with the descriptions of the services from which AWS's own clients are made.
#pragma once

#include <span>
#include <string_view>

namespace enforcer::policy {

/// A path and what its methods do.
struct AwsRestPath {
  /// As in rules (path_matches()), with "*" for whole segments only: what goes on below a path is another request. Ends
  /// with no slash.
  std::string_view path;
  /// "GET:GetKey DELETE:DeleteKey POST?mode=import:ImportKeys", apart by a blank: a method, where two things are done
  /// with the same method and path the parameter that tells them apart, with its value unless any does; the action.
  std::string_view calls;
};

/// Empty: no table, or not a REST service.
[[nodiscard]] std::span<const AwsRestPath> aws_rest_paths(std::string_view service);

}  // namespace enforcer::policy
