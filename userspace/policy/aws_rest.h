// Reads the action of AWS's REST services from method, path and query, by tables (aws_rest_actions.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/facts.h"

namespace enforcer::policy {

/// There is a table of this service ("lambda", as signatures call it).
[[nodiscard]] bool is_rest_service(std::string_view service);

/// "DeleteFunction"; empty: no row fits, or two readings of the request fit different ones.
[[nodiscard]] std::string read_rest_action(std::string_view service, const RequestFacts& request);

/// Method, path and query of a request that does this; false: no row does it.
[[nodiscard]] bool sample_rest_request(std::string_view service, std::string_view action, RequestFacts& into);

/// All actions of its table.
[[nodiscard]] std::vector<std::string_view> rest_actions_known(std::string_view service);

}  // namespace enforcer::policy
