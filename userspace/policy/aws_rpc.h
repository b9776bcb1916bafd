// AWS's protocols in which the action is a word of the request: JSON and its binary sibling (X-Amz-Target), query
// (Action= in a form or a query), and the RPC of newer clients (POST /service/NAME/operation/ACTION with
// `smithy-protocol: rpc-v2-cbor`; Smithy 2.0, "Smithy RPC v2 CBOR protocol").
#pragma once

#include <string>
#include <string_view>

#include "policy/facts.h"

namespace enforcer::policy {

/// Services that have the query protocol only: whatever the headers say, they look for the action in the body.
[[nodiscard]] bool speaks_query_only(std::string_view service);

/// AWS's actions begin with a capital: "GetCostAndUsage".
[[nodiscard]] bool is_aws_action(std::string_view text);

/// A form, which nothing has compressed.
[[nodiscard]] bool is_aws_form(const RequestFacts& request);

/// `service`: none that has REST. `form`: the whole body where it is a form. Empty: none, or said in two places.
[[nodiscard]] std::string read_rpc_action(std::string_view service, const RequestFacts& request, std::string_view form);

}  // namespace enforcer::policy
