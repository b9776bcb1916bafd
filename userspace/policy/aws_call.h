// AwsCall: what a request asks of AWS, read from outside.
//
// The service is what the host says, and what the signature's scope says must agree: a guest writes the scope itself,
// and must not make a call to cloudformation look like one to ce. How the action is told depends on the service: in a
// word of the request (aws_rpc.h), or in method and path (aws_s3.h, aws_rest.h). It is called as IAM calls it in S3,
// and as the API's operation is called elsewhere, which is IAM's name in nearly all cases. Whatever says an action
// twice, or in a place that the service might read differently, tells nothing: better an unknown action than a wrong
// one.
#pragma once

#include <string_view>

#include "policy/facts.h"
#include "policy/guest_policy.h"

namespace enforcer::policy {

/// Some rule on this host and port has an `aws` matcher, or a credential that signs there, so that decide() wants
/// Facts::request->aws.
[[nodiscard]] bool asks_about_aws(const GuestPolicy& policy, const Facts& facts);

/// The action may stand in the body, which has to be read first (a POST of a form).
[[nodiscard]] bool aws_call_in_body(const RequestFacts& request);

/// Of a question at Layer::kHttp. `form`: the whole body where aws_call_in_body() says so, otherwise empty.
[[nodiscard]] AwsCall read_aws_call(const Facts& facts, std::string_view form);
/// Puts it into the facts' request, which there is.
void add_aws_call(Facts& facts, std::string_view form);

/// Some request to the service is told by an action that the glob fits: false for "lambda" and "InvokeFunction", which
/// is IAM's word for what the API calls Invoke. True of services that put the action into a word of the request.
[[nodiscard]] bool some_call_fits(std::string_view service, std::string_view action_glob);

}  // namespace enforcer::policy
