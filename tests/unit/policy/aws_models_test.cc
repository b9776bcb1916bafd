// The tables of AWS's REST services against the descriptions from which AWS's own clients are made (botocore's, of the
// package python3-botocore): whatever request an operation makes, it is told by the right name or not at all.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fixture.h"
#include "policy/aws_call.h"
#include "policy/aws_host.h"
#include "policy/aws_rest.h"

namespace enforcer::policy::test {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

const fs::path kModels = "/usr/lib/python3/dist-packages/botocore/data";

// What IAM calls S3's operations, where it is not their own name (Service Authorization Reference). Empty: there is no
// action for it, or none that a request alone tells.
const std::map<std::string, std::string> kIamNames = {
    {"CompleteMultipartUpload", "PutObject"},
    {"CopyObject", "PutObject"},
    {"CreateMultipartUpload", "PutObject"},
    {"CreateSession", ""},
    {"DeleteBucketAnalyticsConfiguration", "PutAnalyticsConfiguration"},
    {"DeleteBucketCors", "PutBucketCORS"},
    {"DeleteBucketEncryption", "PutEncryptionConfiguration"},
    {"DeleteBucketIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration"},
    {"DeleteBucketInventoryConfiguration", "PutInventoryConfiguration"},
    {"DeleteBucketLifecycle", "PutLifecycleConfiguration"},
    {"DeleteBucketMetricsConfiguration", "PutMetricsConfiguration"},
    {"DeleteBucketOwnershipControls", "PutBucketOwnershipControls"},
    {"DeleteBucketReplication", "PutReplicationConfiguration"},
    {"DeleteBucketTagging", "PutBucketTagging"},
    {"DeleteObjects", "DeleteObject"},
    {"DeletePublicAccessBlock", "PutBucketPublicAccessBlock"},
    {"GetBucketAccelerateConfiguration", "GetAccelerateConfiguration"},
    {"GetBucketAnalyticsConfiguration", "GetAnalyticsConfiguration"},
    {"GetBucketCors", "GetBucketCORS"},
    {"GetBucketEncryption", "GetEncryptionConfiguration"},
    {"GetBucketIntelligentTieringConfiguration", "GetIntelligentTieringConfiguration"},
    {"GetBucketInventoryConfiguration", "GetInventoryConfiguration"},
    {"GetBucketLifecycle", "GetLifecycleConfiguration"},
    {"GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"},
    {"GetBucketMetricsConfiguration", "GetMetricsConfiguration"},
    {"GetBucketNotificationConfiguration", "GetBucketNotification"},
    {"GetBucketReplication", "GetReplicationConfiguration"},
    {"GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"},
    {"GetPublicAccessBlock", "GetBucketPublicAccessBlock"},
    {"HeadBucket", "ListBucket"},
    {"HeadObject", "GetObject"},
    {"ListBucketAnalyticsConfigurations", "GetAnalyticsConfiguration"},
    {"ListBucketIntelligentTieringConfigurations", "GetIntelligentTieringConfiguration"},
    {"ListBucketInventoryConfigurations", "GetInventoryConfiguration"},
    {"ListBucketMetricsConfigurations", "GetMetricsConfiguration"},
    {"ListBuckets", "ListAllMyBuckets"},
    {"ListDirectoryBuckets", "ListAllMyBuckets"},  // sent to a host of its own, which tells nothing
    {"ListMultipartUploads", "ListBucketMultipartUploads"},
    {"ListObjectVersions", "ListBucketVersions"},
    {"ListObjects", "ListBucket"},
    {"ListObjectsV2", "ListBucket"},
    {"ListParts", "ListMultipartUploadParts"},
    {"PutBucketAccelerateConfiguration", "PutAccelerateConfiguration"},
    {"PutBucketAnalyticsConfiguration", "PutAnalyticsConfiguration"},
    {"PutBucketCors", "PutBucketCORS"},
    {"PutBucketEncryption", "PutEncryptionConfiguration"},
    {"PutBucketIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration"},
    {"PutBucketInventoryConfiguration", "PutInventoryConfiguration"},
    {"PutBucketLifecycle", "PutLifecycleConfiguration"},
    {"PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"},
    {"PutBucketMetricsConfiguration", "PutMetricsConfiguration"},
    {"PutBucketNotificationConfiguration", "PutBucketNotification"},
    {"PutBucketReplication", "PutReplicationConfiguration"},
    {"PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"},
    {"PutPublicAccessBlock", "PutBucketPublicAccessBlock"},
    {"SelectObjectContent", "GetObject"},
    {"UploadPart", "PutObject"},
    {"UploadPartCopy", "PutObject"},
    {"WriteGetObjectResponse", ""},
};

/// What a label of a path is filled with. An ARN's slashes are escaped.
const std::string kSamples[] = {"x1", "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fpath%2Fname", "default", "search", "config"};

/// "/a/{Name}/{Key+}?x" with every label filled.
std::string filled(std::string uri, const std::string& sample) {
  for (auto open = uri.find('{'); open != std::string::npos; open = uri.find('{', open)) {
    const auto close = uri.find('}', open);
    const std::string name = uri.substr(open + 1, close - open - 1);
    // No bucket's name has an escape in it.
    uri.replace(open, close - open + 1, name == "Bucket" ? "bucket" : name.ends_with('+') ? "a/" + sample : sample);
  }
  return uri;
}

struct Operation {
  std::string service;  ///< of the signature
  std::string host;
  std::string name;
  std::string method;
  std::string uri;
  std::vector<std::string> parameters;  ///< of the query, that must be there
  std::vector<std::string> fields;      ///< of the head, that must be there
};

void add_members(const Json& model, const Json& operation, Operation& into) {
  if (!operation.contains("input")) return;
  const Json& shape = model.at("shapes").at(operation.at("input").at("shape").get<std::string>());
  for (const auto& name : shape.value("required", Json::array())) {
    const Json& member = shape.at("members").at(name.get<std::string>());
    const std::string place = member.value("location", "");
    if (place == "querystring") into.parameters.push_back(member.at("locationName"));
    if (place == "header") into.fields.push_back(member.at("locationName"));
  }
}

/// All operations of the APIs whose signatures name a service that is read by method and path.
/// What stands at the beginning of a model. Most are of services that are not in the tables, and long: nobody reads
/// them to the end.
Json metadata(const std::string& model) {
  const auto key = model.find("\"metadata\"");
  REQUIRE(key != std::string::npos);
  std::istringstream text(model.substr(model.find('{', key), 4096));
  Json found;
  text >> found;
  return found;
}

std::vector<Operation> all_operations() {
  std::vector<Operation> found;
  for (const auto& entry : fs::recursive_directory_iterator(kModels)) {
    if (entry.path().filename() != "service-2.json") continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const Json about = metadata(text.str());
    const std::string prefix = about.at("endpointPrefix");
    const std::string service = about.value("signingName", prefix);
    if (service != "s3" && !is_rest_service(service)) continue;
    const Json model = Json::parse(text);
    for (const auto& [name, operation] : model.at("operations").items()) {
      const Json& http = operation.at("http");
      Operation& one = found.emplace_back(Operation{service,
                                                    prefix + ".us-east-1.amazonaws.com",
                                                    name.substr(0, name.find("20")),
                                                    http.at("method"),
                                                    http.at("requestUri"),
                                                    {},
                                                    {}});
      add_members(model, operation, one);
    }
  }
  return found;
}

AwsCall told(const Operation& operation, const std::string& sample) {
  std::string target = filled(operation.uri, sample);
  for (const std::string& parameter : operation.parameters)
    target += (target.contains('?') ? "&" : "?") + parameter + "=1";
  std::string question = "https " + operation.host + ":443 " + operation.method + " " + target;
  for (const std::string& field : operation.fields) question += "|" + field + ": bucket/key";
  return read_aws_call(facts(question), "");
}

std::string name_of(const Operation& operation) {
  if (operation.service != "s3") return operation.name;
  const auto known = kIamNames.find(operation.name);
  return known == kIamNames.end() ? operation.name : known->second;
}

TEST_CASE("no_operation_of_aws_is_told_by_another_ones_name") {
  if (!fs::exists(kModels)) {
    fmt::print("SKIP: no models of AWS's services in {} (python3-botocore)\n", kModels.string());
    return;
  }
  std::map<std::string, int> told_of;
  for (const Operation& operation : all_operations()) {
    CAPTURE(operation.host);
    CAPTURE(operation.name);
    CAPTURE(operation.method);
    CAPTURE(operation.uri);
    bool known = false;
    for (const std::string& sample : kSamples) {
      CAPTURE(sample);
      const AwsCall call = told(operation, sample);
      if (!call.action.empty()) CHECK(call.service + ":" + call.action == operation.service + ":" + name_of(operation));
      known |= !call.action.empty();
    }
    told_of[operation.service] += known ? 1 : 0;
  }
  // Of those that the models of 2022 have; so that an empty table does not pass.
  const std::map<std::string, int> least = {
      {"amplify", 37},     {"apigateway", 192}, {"appconfig", 33},         {"backup", 72}, {"batch", 24},
      {"cloudfront", 100}, {"eks", 35},         {"elasticfilesystem", 30}, {"es", 47},     {"kafka", 35},
      {"lambda", 64},      {"mq", 22},          {"route53", 70},           {"s3", 96}};
  for (const auto& [service, number] : least) {
    CAPTURE(service);
    CHECK(told_of[service] >= number);
  }
}

}  // namespace
}  // namespace enforcer::policy::test
