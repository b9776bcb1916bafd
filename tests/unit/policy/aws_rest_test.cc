#include "policy/aws_rest.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/ascii.h"
#include "fixture.h"
#include "policy/aws_call.h"
#include "policy/aws_question.h"
#include "policy/aws_rest_actions.h"
#include "policy/path_text.h"

namespace enforcer::policy::test {
namespace {

/// "Action+Beside" of a request to a host; "?" for what cannot be told.
std::string done(const std::string& host, const std::string& request) {
  const AwsCall call = read_aws_call(facts("https " + host + ":443 " + request), "");
  std::string text = call.action.empty() ? "?" : call.action;
  for (const std::string& action : call.also) text += "+" + action;
  return text;
}
std::string in_lambda(const std::string& request) {
  return done("lambda.us-east-1.amazonaws.com", request);
}

struct Told {
  const char* host;
  const char* request;
  const char* action;
};

TEST_CASE("the_action_of_rest_services_is_in_method_and_path") {
  for (const Told& c : std::initializer_list<Told>{
           {"lambda.us-east-1.amazonaws.com", "DELETE /2015-03-31/functions/prod", "DeleteFunction"},
           {"lambda.us-east-1.amazonaws.com", "GET /2015-03-31/functions/", "ListFunctions"},
           {"lambda.us-east-1.amazonaws.com", "POST /2015-03-31/functions/f/invocations?Qualifier=1", "Invoke"},
           {"lambda-fips.us-gov-west-1.amazonaws.com", "DELETE /2015-03-31/functions/f", "DeleteFunction"},
           {"lambda.us-east-1.api.aws", "DELETE /2015-03-31/functions/f", "DeleteFunction"},
           {"vpce-1a-2b.lambda.us-east-1.vpce.amazonaws.com", "DELETE /2015-03-31/functions/f", "DeleteFunction"},
           {"eks.eu-west-1.amazonaws.com", "DELETE /clusters/prod", "DeleteCluster"},
           {"eks.eu-west-1.amazonaws.com", "DELETE /clusters/prod/node-groups/n", "DeleteNodegroup"},
           {"eks.eu-west-1.amazonaws.com", "DELETE /clusters/c/access-entries/arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx",
            "DeleteAccessEntry"},
           {"route53.amazonaws.com", "DELETE /2013-04-01/hostedzone/Z1", "DeleteHostedZone"},
           {"route53.amazonaws.com", "POST /2013-04-01/hostedzone/Z1/rrset/", "ChangeResourceRecordSets"},
           {"cloudfront.amazonaws.com", "DELETE /2020-05-31/distribution/E1", "DeleteDistribution"},
           {"cloudfront.amazonaws.com", "POST /2020-05-31/distribution?WithTags", "CreateDistributionWithTags"},
           {"cloudfront.amazonaws.com", "POST /2020-05-31/tagging?Operation=Untag&Resource=x", "UntagResource"},
           {"elasticfilesystem.us-east-1.amazonaws.com", "DELETE /2015-02-01/file-systems/fs-1", "DeleteFileSystem"},
           {"elasticfilesystem.us-east-1.amazonaws.com", "GET /2015-02-01/file-systems/replication-configurations",
            "DescribeReplicationConfigurations"},
           {"apigateway.us-east-1.amazonaws.com", "DELETE /restapis/a", "DeleteRestApi"},
           {"apigateway.us-east-1.amazonaws.com", "POST /restapis?mode=import", "ImportRestApi"},
           {"apigateway.us-east-1.amazonaws.com", "DELETE /v2/apis/a", "DeleteApi"},
           {"batch.us-east-1.amazonaws.com", "POST /v1/deletejobqueue", "DeleteJobQueue"},
           {"es.us-east-1.amazonaws.com", "DELETE /2021-01-01/opensearch/domain/d", "DeleteDomain"},
           {"backup.us-east-1.amazonaws.com",
            "DELETE /backup-vaults/v/recovery-points/arn%3Aaws%3Aec2%3Ar%3A%3Asnapshot%2Fsnap-1",
            "DeleteRecoveryPoint"},
           {"bedrock-runtime.us-east-1.amazonaws.com", "POST /model/amazon.titan-v1%3A0/invoke", "InvokeModel"},
           {"kafka.us-east-1.amazonaws.com", "DELETE /v1/clusters/arn%3Aaws%3Akafka%3Ar%3A1%3Acluster%2Fc%2Fu",
            "DeleteCluster"},
           {"mq.us-east-1.amazonaws.com", "DELETE /v1/brokers/b", "DeleteBroker"}}) {
    CAPTURE(c.request);
    CHECK(done(c.host, c.request) == c.action);
  }
}

TEST_CASE("what_a_table_lacks_or_reads_in_two_ways_is_unknown") {
  CHECK(in_lambda("GET /2015-03-31/functions/f") == "GetFunction");  // the control
  for (const char* request :
       {"POST /2015-03-31/functions/f", "DELETE /2015-03-31/Functions/f", "DELETE /2099-01-01/functions/f",
        "DELETE /2015-03-31/functions/f/more", "DELETE /2015-03-31/functions/f;x", "DELETE /2015-03-31/functions/f%3Bx",
        "GET /2015-03-31/functions/f%2Fpolicy", "GET /2015-03-31/functions/a%2Fb/policy",
        "HEAD /2015-03-31/functions/f", "GET /2015-03-31/functions/f|x-http-method-override: DELETE",
        "GET /2015-03-31/functions/f|x-amz-target: X.DeleteFunction",
        "GET /2015-03-31/functions/f|smithy-protocol: rpc-v2-cbor", "GET /2015-03-31/functions/f?Action=DeleteFunction",
        "GET /2015-03-31/functions/f?action=DeleteFunction", "POST /|content-type: application/x-amz-json-1.1",
        "GET /"}) {
    CAPTURE(request);
    CHECK(in_lambda(request) == "?");
  }
  const std::string cloudfront = "cloudfront.amazonaws.com";
  CHECK(done(cloudfront, "POST /2020-05-31/distribution") == "CreateDistribution");
  for (const char* query : {"Operation=Tag&Operation=Untag", "operation=Tag", "Operation=Delete",
                            "%2541=1&Operation=Tag", "Operation=Tag;Operation=Untag", ""}) {
    CAPTURE(query);
    CHECK(done(cloudfront, std::string("POST /2020-05-31/tagging?") + query) == "?");
  }
  // An ARN of a cluster called "policy" is not the policy of a cluster.
  CHECK(done("kafka.us-east-1.amazonaws.com", "GET /v1/clusters/arn%3Aaws%3Akafka%2Fpolicy") == "?");
}

TEST_CASE("a_host_below_a_service_s_own_has_paths_of_its_own") {
  CHECK(done("es.us-east-1.amazonaws.com", "GET /2021-01-01/domain") == "ListDomainNames");  // the control
  CHECK(done("search-logs-x1.us-east-1.es.amazonaws.com", "GET /2021-01-01/domain") == "?");
  CHECK(done("a1b2.gr7.us-east-1.eks.amazonaws.com", "GET /clusters") == "?");
  CHECK(done("a1b2.mq.us-east-1.amazonaws.com", "GET /v1/brokers") == "?");
  CHECK(done("x.vpce-1a.lambda.us-east-1.vpce.amazonaws.com", "GET /2015-03-31/functions") == "?");
  CHECK(done("lambda.us-east-1.vpce.amazonaws.com", "GET /2015-03-31/functions") == "?");
}

TEST_CASE("the_newer_rpc_protocol_has_its_action_in_the_path") {
  const auto metrics = [](const std::string& request) { return done("monitoring.us-east-1.amazonaws.com", request); };
  const std::string path = "POST /service/GraniteServiceVersion20100801/operation/DeleteAlarms";
  const std::string cbor = "|smithy-protocol: rpc-v2-cbor|content-type: application/cbor";
  CHECK(metrics(path + cbor) == "DeleteAlarms");
  CHECK(metrics(path + "|smithy-protocol: rpc-v2-cbor") == "DeleteAlarms");
  CHECK(metrics("POST /|content-type: application/x-amz-json-1.0|x-amz-target: X.DeleteAlarms") == "DeleteAlarms");
  for (const std::string& request : std::vector<std::string>{
           path, path + "|content-type: application/cbor", path + "|smithy-protocol: rpc-v3",
           path + cbor + "|smithy-protocol: rpc-v2-cbor", path + cbor + "|x-amz-target: X.ListMetrics",
           path + "?Action=ListMetrics" + cbor, path + "|smithy-protocol: rpc-v2-cbor|content-type: text/plain",
           "GET /service/S/operation/DeleteAlarms" + cbor, "POST /x/service/S/operation/DeleteAlarms" + cbor,
           "POST /service//operation/DeleteAlarms" + cbor, "POST /service/S/operation/DeleteAlarms/x" + cbor,
           "POST /service/S/operation/deleteAlarms" + cbor,
           "POST /|content-type: application/x-amz-json-1.0|x-amz-target: X.ListMetrics|smithy-protocol: "
           "rpc-v2-cbor"}) {
    CAPTURE(request);
    CHECK(metrics(request) == "?");
  }
  CHECK(done("iam.amazonaws.com", "POST /service/S/operation/DeleteUser" + cbor) == "?");  // query only
  CHECK(done("kinesis.us-east-1.amazonaws.com",
             "POST /|content-type: application/x-amz-cbor-1.1|x-amz-target: Kinesis_20131202.DeleteStream") ==
        "DeleteStream");
}

TEST_CASE("every_row_of_the_tables_is_well_formed_and_reads_back_as_what_it_says") {
  for (const char* service : {"amplify", "apigateway", "appconfig", "backup", "batch", "bedrock", "cloudfront", "eks",
                              "elasticfilesystem", "es", "kafka", "lambda", "mq", "route53"}) {
    CAPTURE(service);
    CHECK(is_rest_service(service));
    std::set<std::string_view> paths;
    for (const AwsRestPath& row : aws_rest_paths(service)) {
      CAPTURE(row.path);
      CHECK(is_path_pattern(row.path));
      CHECK_FALSE(row.path.ends_with('/'));
      CHECK_FALSE(row.path.contains("**"));
      CHECK(paths.insert(row.path).second);
      std::string_view calls = row.calls;
      while (!calls.empty()) {
        const std::string_view call = calls.substr(0, calls.find(' '));
        calls.remove_prefix(std::min(call.size() + 1, calls.size()));
        const std::string_view action = call.substr(call.find(':') + 1);
        CAPTURE(call);
        CHECK(std::ranges::all_of(action, ascii::is_alphanumeric));
        RequestFacts sample;
        REQUIRE(sample_rest_request(service, action, sample));
        CHECK(read_rest_action(service, sample) == action);
      }
    }
  }
  CHECK_FALSE(is_rest_service("ce"));
  CHECK_FALSE(is_rest_service(""));
}

TEST_CASE("a_question_about_an_action_is_the_request_that_does_it") {
  const auto read_back = [](const char* action, std::optional<HostName> host) -> std::string {
    const auto question = aws_question(action, "us-east-1", std::move(host));
    if (!question) return question.error().message;
    Facts asked;
    asked.layer = Layer::kHttp;
    asked.host = question->host;
    asked.request = std::make_shared<RequestFacts>(question->request);
    const AwsCall call = read_aws_call(asked, "");
    return question->host.text() + " " + call.service + ":" + call.action;
  };
  CHECK(read_back("lambda:DeleteFunction", {}) == "lambda.us-east-1.amazonaws.com lambda:DeleteFunction");
  CHECK(read_back("route53:DeleteHostedZone", {}) == "route53.amazonaws.com route53:DeleteHostedZone");
  CHECK(read_back("s3:DeleteBucket", {}) == "s3.us-east-1.amazonaws.com s3:DeleteBucket");
  CHECK(read_back("s3:ListAllMyBuckets", {}) == "s3.us-east-1.amazonaws.com s3:ListAllMyBuckets");
  const auto bucket = *HostName::parse("b.s3.us-east-1.amazonaws.com");
  for (const char* action : {"s3:DeleteBucket", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketPolicy"})
    CHECK(read_back(action, bucket) == "b.s3.us-east-1.amazonaws.com " + std::string(action));
  CHECK(read_back("cloudformation:DeleteStack", {}) ==
        "cloudformation.us-east-1.amazonaws.com cloudformation:DeleteStack");
  CHECK(read_back("lambda:InvokeFunction", {}) ==
        "'lambda:InvokeFunction' is no action of which a request is known: ask with 'request'");
  CHECK(read_back("s3:ListAllMyBuckets", bucket).contains("ask with 'request'"));
  CHECK_FALSE(aws_question("ce:GetCostAndUsage", "a b", std::nullopt));
}

}  // namespace
}  // namespace enforcer::policy::test
