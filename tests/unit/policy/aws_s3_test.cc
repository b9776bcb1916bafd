#include "policy/aws_s3.h"

#include <doctest/doctest.h>

#include "fixture.h"
#include "policy/aws_call.h"
#include "policy/request_matcher.h"

namespace enforcer::policy::test {
namespace {

const std::string kRegional = "s3.eu-west-1.amazonaws.com";
const std::string kBucket = "b.s3.eu-west-1.amazonaws.com";

std::string s3_done(const std::string& host, const std::string& request) {
  const AwsCall call = read_aws_call(facts("https " + host + ":443 " + request), "");
  std::string text = call.action.empty() ? "?" : call.action;
  for (const std::string& action : call.also) text += "+" + action;
  return text;
}

TEST_CASE("actions_of_s3_are_called_as_iam_calls_them") {
  struct Case {
    const char* method;
    const char* target;  ///< behind the bucket
    const char* action;
  };
  for (const Case& c :
       std::initializer_list<Case>{{"GET", "/", "ListBucket"},
                                   {"GET", "/?list-type=2&prefix=a%2F&delimiter=%2F&encoding-type=url", "ListBucket"},
                                   {"HEAD", "/", "ListBucket"},
                                   {"PUT", "/", "CreateBucket"},
                                   {"DELETE", "/", "DeleteBucket"},
                                   {"POST", "/?delete", "DeleteObject+DeleteObjectVersion"},
                                   {"POST", "/?delete=", "DeleteObject+DeleteObjectVersion"},
                                   {"GET", "/?versions", "ListBucketVersions"},
                                   {"GET", "/?uploads", "ListBucketMultipartUploads"},
                                   {"PUT", "/?policy", "PutBucketPolicy"},
                                   {"DELETE", "/?policy", "DeleteBucketPolicy"},
                                   {"DELETE", "/?lifecycle", "PutLifecycleConfiguration"},
                                   {"PUT", "/?versioning", "PutBucketVersioning"},
                                   {"GET", "/?analytics&id=1", "GetAnalyticsConfiguration"},
                                   {"GET", "/k", "GetObject"},
                                   {"GET", "/dir/k?x-id=GetObject&response-content-type=a", "GetObject"},
                                   {"HEAD", "/k", "GetObject"},
                                   {"GET", "/k?versionId=1", "GetObjectVersion"},
                                   {"PUT", "/k", "PutObject"},
                                   {"DELETE", "/k", "DeleteObject"},
                                   {"DELETE", "/k?versionId=3", "DeleteObjectVersion"},
                                   {"DELETE", "/k?tagging", "DeleteObjectTagging"},
                                   {"DELETE", "/k?tagging&versionId=3", "DeleteObjectVersionTagging"},
                                   {"PUT", "/k?acl", "PutObjectAcl"},
                                   {"POST", "/k?uploads", "PutObject"},
                                   {"PUT", "/k?partNumber=1&uploadId=2", "PutObject"},
                                   {"POST", "/k?uploadId=2", "PutObject"},
                                   {"DELETE", "/k?uploadId=2", "AbortMultipartUpload"},
                                   {"GET", "/k?uploadId=2", "ListMultipartUploadParts"},
                                   {"POST", "/k?restore", "RestoreObject"},
                                   {"GET", "/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=1", "GetObject"}}) {
    CAPTURE(c.target);
    const std::string method = std::string(c.method) + " ";
    CHECK(s3_done(kBucket, method + c.target) == c.action);
    CHECK(s3_done(kRegional, method + "/bucket" + c.target) == c.action);
    CHECK(s3_done("b.with.dots.s3-us-west-2.amazonaws.com", method + c.target) == c.action);
  }
  CHECK(s3_done(kRegional, "GET /") == "ListAllMyBuckets");
  CHECK(s3_done(kRegional, "DELETE /bucket") == "DeleteBucket");
  CHECK(s3_done("b.s3-accelerate.amazonaws.com", "PUT /k") == "PutObject");
  CHECK(s3_done("s3.dualstack.us-east-1.amazonaws.com", "DELETE /b") == "DeleteBucket");
}

TEST_CASE("what_s3_might_read_otherwise_is_unknown") {
  for (const char* request : {"DELETE /k?policy",
                              "GET /?policy&acl",
                              "GET /?acl&acl",
                              "GET /?Policy",
                              "GET /k?unheard-of",
                              "GET /?session",
                              "GET /k?x-amz-acl=public-read",
                              "GET /k?X-Amz-Copy-Source=a/b",
                              "PATCH /k",
                              "OPTIONS /k",
                              "POST /k",
                              "POST /",
                              "GET /k?tagging;acl",
                              "GET /k?%61cl%00",
                              "GET /?acl&versionId=1",
                              "PUT /k?versionId=1",
                              "GET /k?a%2520cl",
                              "PUT /k|x-amz-write-offset-bytes: 0",
                              "PUT /k|x-amz-rename-source: /x",
                              "GET /k|x-amz-copy-source: b/o",
                              "PUT /k|x-amz-copy-source: b/o|x-amz-copy-source: c/p",
                              "PUT /|x-amz-copy-source: b/o",
                              "PUT /|x-amz-tagging: a=b",
                              "GET /k|x-amz-target: X.Y",
                              "GET /k|x-http-method-override: DELETE",
                              "GET /k?Action=DeleteObject"}) {
    CAPTURE(request);
    CHECK(s3_done(kBucket, request) == "?");
  }
  CHECK(s3_done(kBucket, "GET /k?%61cl") == "GetObjectAcl");  // the same parameter, escaped
  CHECK(s3_done(kRegional, "DELETE /bucket%2Fkey") == "?");
  CHECK(s3_done(kRegional, "DELETE /bucket%2Fkey/x") == "?");
  CHECK(s3_done(kRegional, "DELETE /bucket/a%2Fb") == "DeleteObject");
  // Endpoints where the same paths mean something else, or nobody knows where the bucket's name stands.
  for (const char* host :
       {"1234.s3-control.us-east-1.amazonaws.com", "ap-1.s3-accesspoint.us-east-1.amazonaws.com",
        "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "s3-accelerate.amazonaws.com",
        "bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com", "vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com"}) {
    CAPTURE(host);
    CHECK(s3_done(host, "DELETE /b/k") == "?");
  }
}

TEST_CASE("behind_another_host_only_what_is_the_same_in_both_styles_is_told") {
  const std::string scope = "|authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request";
  CHECK(s3_done("minio.test", "DELETE /b/k" + scope) == "DeleteObject");
  CHECK(s3_done("minio.test", "DELETE /b" + scope) == "?");  // a bucket, or an object of a bucket in the name
  CHECK(s3_done("minio.test", "GET /" + scope) == "?");
}

TEST_CASE("a_request_that_does_several_things_wants_all_of_them_allowed") {
  CHECK(s3_done(kBucket, "PUT /k|x-amz-copy-source: other/secret") == "PutObject+GetObject");
  CHECK(s3_done(kBucket, "PUT /k|x-amz-copy-source: other/secret?versionId=1") == "PutObject+GetObjectVersion");
  CHECK(s3_done(kBucket, "PUT /k?partNumber=1&uploadId=1|x-amz-copy-source: o/s|x-amz-copy-source-range: bytes=0-1") ==
        "PutObject+GetObject");
  CHECK(s3_done(kBucket, "PUT /k|x-amz-acl: public-read|x-amz-grant-read: x") == "PutObject+PutObjectAcl");
  CHECK(s3_done(kBucket, "PUT /k|x-amz-tagging: a=b|x-amz-meta-a: b") == "PutObject+PutObjectTagging");
  CHECK(s3_done(kBucket, "DELETE /k|x-amz-bypass-governance-retention: true") ==
        "DeleteObject+BypassGovernanceRetention");
  CHECK(s3_done(kBucket, "PUT /|x-amz-acl: public-read") == "CreateBucket+PutBucketAcl");

  const auto fits = [](const std::string& pattern, Leaning leaning) {
    const AwsMatcher matcher{{{"s3", pattern}}};
    return matches(matcher, *facts("https " + kBucket + ":443 PUT /k|x-amz-acl: public-read").request, leaning);
  };
  CHECK(fits("PutObject", Leaning::kAllowing) == Truth::kNo);
  CHECK(fits("PutObject*", Leaning::kAllowing) == Truth::kYes);
  CHECK(fits("PutObject", Leaning::kObjecting) == Truth::kYes);
  CHECK(fits("PutObjectAcl", Leaning::kObjecting) == Truth::kYes);
  CHECK(fits("GetObject", Leaning::kObjecting) == Truth::kNo);
  CHECK(fits("putobjectacl", Leaning::kObjecting) == Truth::kCannotTell);
}

TEST_CASE("rules_decide_on_s3_by_action") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: rw, to: ['**.amazonaws.com'], broad: true, aws: {actions: ['s3:Get*', 's3:List*', "
                   "'s3:PutObject']}}], deny: [{name: no, to: ['**.amazonaws.com'], aws: {actions: ['*:Delete*']}}]")});
  check(*policy, {{"https b.s3.eu-west-1.amazonaws.com:443 GET /k", "allow passthrough p/rw"},
                  {"https b.s3.eu-west-1.amazonaws.com:443 PUT /k", "allow passthrough p/rw"},
                  {"https b.s3.eu-west-1.amazonaws.com:443 PUT /k|x-amz-copy-source: a/b", "allow passthrough p/rw"},
                  {"https b.s3.eu-west-1.amazonaws.com:443 PUT /k|x-amz-acl: private", "deny request"},
                  {"https b.s3.eu-west-1.amazonaws.com:443 DELETE /k", "deny rule p/no"},
                  {"https b.s3.eu-west-1.amazonaws.com:443 POST /?delete", "deny rule p/no"},
                  {"https b.s3.eu-west-1.amazonaws.com:443 GET /?unheard-of", "deny action_unknown p/no"}});
}

}  // namespace
}  // namespace enforcer::policy::test
