#include "policy/aws_call.h"

#include <doctest/doctest.h>

#include "fixture.h"
#include "policy/aws_host.h"

namespace enforcer::policy::test {
namespace {

const std::string kCe = "https ce.us-east-1.amazonaws.com:443 ";
const std::string kStacks = "https cloudformation.us-east-1.amazonaws.com:443 ";
const std::string kJson = "|content-type: application/x-amz-json-1.1";
const std::string kForm = "|content-type: application/x-www-form-urlencoded; charset=utf-8";

/// "service:Action", with "?" for what cannot be told.
std::string told(const std::string& question, std::string_view form = "") {
  const AwsCall call = read_aws_call(facts(question), form);
  return (call.service.empty() ? "?" : call.service) + ":" + (call.action.empty() ? "?" : call.action);
}

std::string scope(const std::string& service) {
  return "|authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/" + service +
         "/aws4_request, SignedHeaders=host, Signature=abc";
}

TEST_CASE("the_action_is_read_in_both_protocols") {
  CHECK(told(kCe + "POST /" + kJson + "|x-amz-target: AWSInsightsIndexService.GetCostAndUsage" + scope("ce")) ==
        "ce:GetCostAndUsage");
  CHECK(told(kStacks + "POST /" + kForm + scope("cloudformation"), "Action=DeleteStack&StackName=x") ==
        "cloudformation:DeleteStack");
  CHECK(told(kStacks + "GET /?Action=DescribeStacks&Version=1" + scope("cloudformation")) ==
        "cloudformation:DescribeStacks");
  CHECK(told(kStacks + "GET /?Action=DescribeStacks&X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fcloudformation%2F"
                       "aws4_request&X-Amz-Signature=1") == "cloudformation:DescribeStacks");
}

TEST_CASE("the_body_is_asked_for_only_where_the_action_may_be_in_it") {
  const auto asks = [](const std::string& question) { return aws_call_in_body(*facts(question).request); };
  CHECK(asks(kStacks + "POST /" + kForm));
  CHECK(asks(kStacks + "POST /|content-type: Application/X-WWW-Form-Urlencoded"));
  CHECK_FALSE(asks(kStacks + "GET /" + kForm));
  CHECK_FALSE(asks(kStacks + "POST /" + kJson));
  CHECK_FALSE(asks(kStacks + "POST /"));
  CHECK_FALSE(asks(kStacks + "POST /" + kForm + kForm));
  CHECK_FALSE(asks(kStacks + "POST /" + kForm + "|content-encoding: gzip"));
}

TEST_CASE("a_scope_that_disagrees_with_the_host_tells_nothing") {
  const std::string call = "POST /" + kJson + "|x-amz-target: AWSInsightsIndexService.GetCostAndUsage";
  CHECK(told(kCe + call + scope("ce")) == "ce:GetCostAndUsage");
  CHECK(told(kCe + call) == "ce:GetCostAndUsage");  // not signed: the host says which service it is
  CHECK(told(kStacks + call + scope("ce")) == "?:?");
  CHECK(told("https email.us-east-1.amazonaws.com:443 POST /" + kForm + scope("ses"), "Action=SendEmail") ==
        "ses:SendEmail");
  CHECK(told("https aws.test:443 " + call + scope("ce")) == "ce:GetCostAndUsage");
  CHECK(told("https aws.test:443 " + call) == "?:?");
}

TEST_CASE("a_scope_is_read_strictly") {
  const std::string call = kCe + "POST /" + kJson + "|x-amz-target: X.GetCostAndUsage";
  const auto with = [&](const std::string& authorization) { return told(call + "|authorization: " + authorization); };
  CHECK(with("AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/ce/aws4_request") == "ce:GetCostAndUsage");
  CHECK(with("Bearer token") == "ce:GetCostAndUsage");
  for (const char* bad :
       {"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Signature=1", "aws4-hmac-sha256 Credential=A/1/r/ce/aws4_request",
        "AWS4-ECDSA-P256-SHA256 Credential=A/1/ce/aws4_request", "AWS4-HMAC-SHA256 Credential=A/1/r/ce/aws4",
        "AWS4-HMAC-SHA256 Credential=A/1/r/CE/aws4_request", "AWS4-HMAC-SHA256 Credential=A/1/r//aws4_request",
        "AWS4-HMAC-SHA256 Credential=A/1/r/x/ce/aws4_request", "AWS4-HMAC-SHA256 Credential=",
        "AWS4-HMAC-SHA256 Credential=A/1/r/ce/aws4_request,Credential=A/1/r/ce/aws4_request",
        "AWS4-HMAC-SHA256 Credential=A/1/r/ce/aws4_request, credential=A/1/r/iam/aws4_request"}) {
    CAPTURE(bad);
    CHECK(with(bad) == "?:?");
  }
  CHECK(told(call + scope("ce") + scope("ce")) == "?:?");
  CHECK(told(kStacks + "GET /?Action=DescribeStacks&X-Amz-Credential=A/1/r/cloudformation/aws4_request" +
             scope("cloudformation")) == "?:?");
}

TEST_CASE("an_action_that_can_be_read_in_two_ways_is_unknown") {
  const auto form = [](std::string_view text) { return told(kStacks + "POST /" + kForm, text); };
  CHECK(form("Action=DescribeStacks") == "cloudformation:DescribeStacks");  // the control
  CHECK(form("%41ction=DescribeStacks") == "cloudformation:DescribeStacks");
  for (const char* text :
       {"", "Action=", "Action", "Action=A&Action=B", "Action=DescribeStacks&%41ction=DeleteStack",
        "Action=DescribeStacks&action=DeleteStack", "ACTION=DescribeStacks", "Action=DescribeStacks;Action=DeleteStack",
        "x=1;Action=DeleteStack&Action=DescribeStacks", "Action=describeStacks", "Action=Describe%00Stacks",
        "Action%00=DeleteStack&Action=DescribeStacks", "Action=Describe Stacks", "Action=%zz",
        "%2541ction=DeleteStack&Action=DescribeStacks", "+Action=DeleteStack&Action=DescribeStacks"}) {
    CAPTURE(text);
    CHECK(form(text) == "cloudformation:?");
  }
  CHECK(form("Action=" + std::string(128, 'A')) != "cloudformation:?");
  CHECK(form("Action=" + std::string(129, 'A')) == "cloudformation:?");
}

TEST_CASE("an_action_in_two_places_is_unknown") {
  const std::string target = "|x-amz-target: CloudFormation.DescribeStacks";
  const std::string costs = "|x-amz-target: AWSInsightsIndexService.GetCostAndUsage";
  CHECK(told(kCe + "POST /" + kJson + costs) == "ce:GetCostAndUsage");  // the control
  CHECK(told(kCe + "POST /" + kJson + costs + costs) == "ce:?");
  CHECK(told(kCe + "POST /?Action=GetCostAndUsage" + kJson + costs) == "ce:?");
  CHECK(told(kCe + "POST /" + kJson + "|x-amz-target: GetCostAndUsage") == "ce:?");
  CHECK(told(kCe + "POST /" + kJson + "|x-amz-target: X.") == "ce:?");
  // A service that has the query protocol only reads its action from the body, which says DeleteStack.
  CHECK(told(kStacks + "POST /" + kJson + target) == "cloudformation:?");
  CHECK(told(kStacks + "POST /" + kForm + target, "Action=DescribeStacks") == "cloudformation:?");
  CHECK(told(kStacks + "POST /?Action=DescribeStacks" + kForm, "Action=DeleteStack") == "cloudformation:?");
}

TEST_CASE("an_action_that_the_service_may_not_look_at_is_unknown") {
  const std::string target = "|x-amz-target: X.GetFunction";
  // The body may hold another action that a query service reads whatever the content type says.
  CHECK(told(kStacks + "POST /|content-type: text/plain" + target) == "cloudformation:?");
  CHECK(told(kStacks + "POST /" + target) == "cloudformation:?");
  CHECK(told(kStacks + "POST /?Action=DescribeStacks|content-type: text/plain") == "cloudformation:?");
  CHECK(told(kStacks + "GET /?Action=DescribeStacks" + kForm) == "cloudformation:?");
  CHECK(told(kStacks + "POST /" + kForm + "|content-encoding: gzip", "Action=DescribeStacks") == "cloudformation:?");
  // Services that put the action into method and path.
  const std::string lambda = "https lambda.us-east-1.amazonaws.com:443 ";
  CHECK(told(lambda + "POST /2015-03-31/functions/f/invocations" + kJson + target) == "lambda:?");
  CHECK(told(lambda + "DELETE /2015-03-31/functions/f?Action=GetFunction") == "lambda:?");
  CHECK(told("https b.s3.us-east-1.amazonaws.com:443 POST /?delete" + kJson + target) == "s3:?");
  CHECK(told("https b.s3.us-east-1.amazonaws.com:443 POST /" + kJson + target) == "s3:?");
}

TEST_CASE("the_service_of_a_host_is_where_a_guest_cannot_write_it") {
  struct Case {
    const char* host;
    const char* service;
  };
  for (const Case& c : std::initializer_list<Case>{{"ce.us-east-1.amazonaws.com", "ce"},
                                                   {"iam.amazonaws.com", "iam"},
                                                   {"cloudformation.cn-northwest-1.amazonaws.com.cn", "cloudformation"},
                                                   {"bucket.s3.eu-west-1.amazonaws.com", "s3"},
                                                   {"ce.s3.amazonaws.com", "s3"},
                                                   {"ce.us-east-1.s3.amazonaws.com", "s3"},
                                                   {"us-east-1.s3.amazonaws.com", "s3"},
                                                   {"s3.dualstack.us-east-1.amazonaws.com", "s3"},
                                                   {"s3-us-west-2.amazonaws.com", "s3"},
                                                   {"ec2.us-east-1.api.aws", "ec2"},
                                                   {"streams.dynamodb.us-gov-west-1.amazonaws.com", "dynamodb"},
                                                   {"dynamodb-fips.us-east-1.amazonaws.com", "dynamodb"},
                                                   {"vpce-1a-2b.ce.us-east-1.vpce.amazonaws.com", "ce"},
                                                   {"monitoring.us-east-1.amazonaws.com", "monitoring"},
                                                   {"email.us-east-1.amazonaws.com", "ses"},
                                                   {"us-east-1.queue.amazonaws.com", "sqs"},
                                                   {"amazonaws.com", ""},
                                                   {"ce.us-east-1.amazonaws.com.evil.test", ""},
                                                   {"ce.us-east-1.notamazonaws.com", ""}}) {
    CAPTURE(c.host);
    CHECK(aws_service_of(*HostName::parse(c.host)).value_or("") == c.service);
  }
}

TEST_CASE("only_rules_on_this_host_and_port_ask_about_aws") {
  const auto policy =
      agent_policy({policy_with("allow: [{name: a, to: ['ce.*.amazonaws.com'], aws: {actions: ['ce:*']}}, {name: b, "
                                "to: [b.test]}, {name: old, to: "
                                "[o.test], expires: 2020-01-01T00:00:00Z, aws: {actions: ['ce:*']}}]")});
  CHECK(asks_about_aws(*policy, facts("https ce.us-east-1.amazonaws.com:443")));
  CHECK_FALSE(asks_about_aws(*policy, facts("https ce.us-east-1.amazonaws.com:8443")));
  CHECK_FALSE(asks_about_aws(*policy, facts("https b.test:443")));
  CHECK_FALSE(asks_about_aws(*policy, facts("https o.test:443")));
}

}  // namespace
}  // namespace enforcer::policy::test
