#include "policy/aws_s3.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "policy/aws_request.h"
#include "policy/parameters.h"

namespace enforcer::policy {
namespace {

enum class Level { kService, kBucket, kObject };

/// One thing that can be asked. `subresource`: the one parameter that makes it another request than without it.
struct S3Request {
  Level level;
  std::string_view method;
  std::string_view subresource;
  std::string_view action;
  std::string_view of_version = {};  ///< the action where `versionId` names one; without it such a request is unknown
  std::string_view also = {};
};

constexpr S3Request kS3Requests[] = {
    {Level::kService, "GET", "", "ListAllMyBuckets"},
    {Level::kBucket, "GET", "", "ListBucket"},
    {Level::kBucket, "GET", "list-type", "ListBucket"},
    {Level::kBucket, "HEAD", "", "ListBucket"},
    {Level::kBucket, "PUT", "", "CreateBucket"},
    {Level::kBucket, "DELETE", "", "DeleteBucket"},
    // The body lists objects, or versions of them.
    {Level::kBucket, "POST", "delete", "DeleteObject", {}, "DeleteObjectVersion"},
    {Level::kBucket, "GET", "accelerate", "GetAccelerateConfiguration"},
    {Level::kBucket, "PUT", "accelerate", "PutAccelerateConfiguration"},
    {Level::kBucket, "GET", "acl", "GetBucketAcl"},
    {Level::kBucket, "PUT", "acl", "PutBucketAcl"},
    {Level::kBucket, "GET", "analytics", "GetAnalyticsConfiguration"},
    {Level::kBucket, "PUT", "analytics", "PutAnalyticsConfiguration"},
    {Level::kBucket, "DELETE", "analytics", "PutAnalyticsConfiguration"},
    {Level::kBucket, "GET", "cors", "GetBucketCORS"},
    {Level::kBucket, "PUT", "cors", "PutBucketCORS"},
    {Level::kBucket, "DELETE", "cors", "PutBucketCORS"},
    {Level::kBucket, "GET", "encryption", "GetEncryptionConfiguration"},
    {Level::kBucket, "PUT", "encryption", "PutEncryptionConfiguration"},
    {Level::kBucket, "DELETE", "encryption", "PutEncryptionConfiguration"},
    {Level::kBucket, "GET", "intelligent-tiering", "GetIntelligentTieringConfiguration"},
    {Level::kBucket, "PUT", "intelligent-tiering", "PutIntelligentTieringConfiguration"},
    {Level::kBucket, "DELETE", "intelligent-tiering", "PutIntelligentTieringConfiguration"},
    {Level::kBucket, "GET", "inventory", "GetInventoryConfiguration"},
    {Level::kBucket, "PUT", "inventory", "PutInventoryConfiguration"},
    {Level::kBucket, "DELETE", "inventory", "PutInventoryConfiguration"},
    {Level::kBucket, "GET", "lifecycle", "GetLifecycleConfiguration"},
    {Level::kBucket, "PUT", "lifecycle", "PutLifecycleConfiguration"},
    {Level::kBucket, "DELETE", "lifecycle", "PutLifecycleConfiguration"},
    {Level::kBucket, "GET", "location", "GetBucketLocation"},
    {Level::kBucket, "GET", "logging", "GetBucketLogging"},
    {Level::kBucket, "PUT", "logging", "PutBucketLogging"},
    {Level::kBucket, "GET", "metrics", "GetMetricsConfiguration"},
    {Level::kBucket, "PUT", "metrics", "PutMetricsConfiguration"},
    {Level::kBucket, "DELETE", "metrics", "PutMetricsConfiguration"},
    {Level::kBucket, "GET", "notification", "GetBucketNotification"},
    {Level::kBucket, "PUT", "notification", "PutBucketNotification"},
    {Level::kBucket, "GET", "object-lock", "GetBucketObjectLockConfiguration"},
    {Level::kBucket, "PUT", "object-lock", "PutBucketObjectLockConfiguration"},
    {Level::kBucket, "GET", "ownershipControls", "GetBucketOwnershipControls"},
    {Level::kBucket, "PUT", "ownershipControls", "PutBucketOwnershipControls"},
    {Level::kBucket, "DELETE", "ownershipControls", "PutBucketOwnershipControls"},
    {Level::kBucket, "GET", "policy", "GetBucketPolicy"},
    {Level::kBucket, "PUT", "policy", "PutBucketPolicy"},
    {Level::kBucket, "DELETE", "policy", "DeleteBucketPolicy"},
    {Level::kBucket, "GET", "policyStatus", "GetBucketPolicyStatus"},
    {Level::kBucket, "GET", "publicAccessBlock", "GetBucketPublicAccessBlock"},
    {Level::kBucket, "PUT", "publicAccessBlock", "PutBucketPublicAccessBlock"},
    {Level::kBucket, "DELETE", "publicAccessBlock", "PutBucketPublicAccessBlock"},
    {Level::kBucket, "GET", "replication", "GetReplicationConfiguration"},
    {Level::kBucket, "PUT", "replication", "PutReplicationConfiguration"},
    {Level::kBucket, "DELETE", "replication", "PutReplicationConfiguration"},
    {Level::kBucket, "GET", "requestPayment", "GetBucketRequestPayment"},
    {Level::kBucket, "PUT", "requestPayment", "PutBucketRequestPayment"},
    {Level::kBucket, "GET", "tagging", "GetBucketTagging"},
    {Level::kBucket, "PUT", "tagging", "PutBucketTagging"},
    {Level::kBucket, "DELETE", "tagging", "PutBucketTagging"},
    {Level::kBucket, "GET", "uploads", "ListBucketMultipartUploads"},
    {Level::kBucket, "GET", "versioning", "GetBucketVersioning"},
    {Level::kBucket, "PUT", "versioning", "PutBucketVersioning"},
    {Level::kBucket, "GET", "versions", "ListBucketVersions"},
    {Level::kBucket, "GET", "website", "GetBucketWebsite"},
    {Level::kBucket, "PUT", "website", "PutBucketWebsite"},
    {Level::kBucket, "DELETE", "website", "DeleteBucketWebsite"},
    {Level::kObject, "GET", "", "GetObject", "GetObjectVersion"},
    {Level::kObject, "HEAD", "", "GetObject", "GetObjectVersion"},
    {Level::kObject, "PUT", "", "PutObject"},
    {Level::kObject, "DELETE", "", "DeleteObject", "DeleteObjectVersion"},
    {Level::kObject, "GET", "acl", "GetObjectAcl", "GetObjectVersionAcl"},
    {Level::kObject, "PUT", "acl", "PutObjectAcl", "PutObjectVersionAcl"},
    {Level::kObject, "GET", "attributes", "GetObjectAttributes", "GetObjectVersionAttributes"},
    {Level::kObject, "GET", "legal-hold", "GetObjectLegalHold", "GetObjectLegalHold"},
    {Level::kObject, "PUT", "legal-hold", "PutObjectLegalHold", "PutObjectLegalHold"},
    {Level::kObject, "POST", "restore", "RestoreObject", "RestoreObject"},
    {Level::kObject, "GET", "retention", "GetObjectRetention", "GetObjectRetention"},
    {Level::kObject, "PUT", "retention", "PutObjectRetention", "PutObjectRetention"},
    {Level::kObject, "POST", "select", "GetObject"},
    {Level::kObject, "GET", "tagging", "GetObjectTagging", "GetObjectVersionTagging"},
    {Level::kObject, "PUT", "tagging", "PutObjectTagging", "PutObjectVersionTagging"},
    {Level::kObject, "DELETE", "tagging", "DeleteObjectTagging", "DeleteObjectVersionTagging"},
    {Level::kObject, "GET", "torrent", "GetObjectTorrent"},
    {Level::kObject, "POST", "uploads", "PutObject"},
    {Level::kObject, "PUT", "uploadId", "PutObject"},
    {Level::kObject, "POST", "uploadId", "PutObject"},
    {Level::kObject, "DELETE", "uploadId", "AbortMultipartUpload"},
    {Level::kObject, "GET", "uploadId", "ListMultipartUploadParts"},
};

/// Parameters that change what comes back, and not what is done.
constexpr std::string_view kS3Parameters[] = {
    "bucket-region", "continuation-token", "delimiter", "encoding-type", "fetch-owner", "id", "key-marker", "marker",
    "max-buckets", "max-keys", "max-parts", "max-uploads", "part-number-marker", "partNumber", "prefix",
    "response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
    "response-content-type", "response-expires", "select-type", "start-after", "upload-id-marker", "version-id-marker",
    "x-id",
    // Of a presigned URL. Other X-Amz- parameters stand for headers, which may be any.
    "X-Amz-Algorithm", "X-Amz-Content-Sha256", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
    "X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-SignedHeaders", "x-amz-checksum-mode"};

/// A field that does something beside the request's own action. A name that ends with '-' stands for all that begin so.
struct S3Field {
  std::string_view name;
  std::string_view on_bucket;  ///< empty: it means nothing there that is known
  std::string_view on_object;
};
constexpr S3Field kS3Fields[] = {
    {"x-amz-acl", "PutBucketAcl", "PutObjectAcl"},
    {"x-amz-grant-", "PutBucketAcl", "PutObjectAcl"},
    {"x-amz-tagging", "", "PutObjectTagging"},
    {"x-amz-object-lock-mode", "", "PutObjectRetention"},
    {"x-amz-object-lock-retain-until-date", "", "PutObjectRetention"},
    {"x-amz-object-lock-legal-hold", "", "PutObjectLegalHold"},
    {"x-amz-bypass-governance-retention", "BypassGovernanceRetention", "BypassGovernanceRetention"},
    {"x-amz-bucket-object-lock-enabled", "PutBucketObjectLockConfiguration", ""},
    {"x-amz-object-ownership", "PutBucketOwnershipControls", ""},
};
/// Fields of S3's that only say how: they are not looked at.
constexpr std::string_view kS3Manners[] = {"x-amz-bucket-object-lock-token",
                                           "x-amz-bucket-region",
                                           "x-amz-checksum-",
                                           "x-amz-client-token",
                                           "x-amz-confirm-remove-self-bucket-access",
                                           "x-amz-content-sha256",
                                           "x-amz-copy-source-if-",
                                           "x-amz-copy-source-range",
                                           "x-amz-copy-source-server-side-encryption-",
                                           "x-amz-date",
                                           "x-amz-decoded-content-length",
                                           "x-amz-expected-bucket-owner",
                                           "x-amz-if-match-",
                                           "x-amz-max-parts",
                                           "x-amz-meta-",
                                           "x-amz-metadata-directive",
                                           "x-amz-mfa",
                                           "x-amz-mp-object-size",
                                           "x-amz-object-attributes",
                                           "x-amz-optional-object-attributes",
                                           "x-amz-part-number-marker",
                                           "x-amz-request-payer",
                                           "x-amz-sdk-checksum-algorithm",
                                           "x-amz-security-token",
                                           "x-amz-server-side-encryption",
                                           "x-amz-server-side-encryption-",
                                           "x-amz-skip-destination-validation",
                                           "x-amz-source-expected-bucket-owner",
                                           "x-amz-storage-class",
                                           "x-amz-tagging-directive",
                                           "x-amz-te",
                                           "x-amz-trailer",
                                           "x-amz-transition-default-minimum-object-size",
                                           "x-amz-user-agent",
                                           "x-amz-website-redirect-location"};

bool is_called(std::string_view name, std::string_view known) {
  return known.ends_with('-') ? name.starts_with(known) : name == known;
}

bool is_subresource(std::string_view name) {
  return std::ranges::find(kS3Requests, name, &S3Request::subresource) != std::end(kS3Requests);
}

/// What the query asks for.
struct S3Query {
  std::string subresource;
  bool version = false;  ///< it names one version of an object
};

/// Nothing: a parameter that is not known or stands twice, or two subresources.
std::optional<S3Query> read_query(std::string_view text) {
  S3Query query;
  if (text.contains(';')) return std::nullopt;
  std::vector<std::string> seen;
  Parameter parameter;
  while (next_parameter(text, "&", parameter)) {
    const std::string& name = parameter.name;
    if (!parameter.well_formed || !is_plain_parameter(name)) return std::nullopt;
    if (std::ranges::find(seen, name) != seen.end()) return std::nullopt;
    seen.push_back(name);
    if (name == "versionId") {
      query.version = true;
    } else if (is_subresource(name)) {
      if (!query.subresource.empty()) return std::nullopt;
      query.subresource = name;
    } else if (std::ranges::find(kS3Parameters, name) == std::end(kS3Parameters)) {
      return std::nullopt;
    }
  }
  return query;
}

std::optional<Level> level_of(std::string_view path, S3Style style) {
  path.remove_prefix(1);
  if (style == S3Style::kVirtual) return path.empty() ? Level::kBucket : Level::kObject;
  const auto slash = path.find('/');
  // To somebody who unescapes first, the bucket's name ends at "%2F".
  if (path.substr(0, slash).contains('%')) return std::nullopt;
  if (path.empty()) return Level::kService;
  return slash == std::string_view::npos || slash + 1 == path.size() ? Level::kBucket : Level::kObject;
}

void add_once(std::vector<std::string>& actions, std::string_view action) {
  if (std::ranges::find(actions, action) == actions.end()) actions.emplace_back(action);
}

/// An object's content put there from another object: no body, but somebody's data all the same.
bool add_source(const RequestFacts& request, const S3Request& asked, std::vector<std::string>& actions) {
  const Saying source = field_of(request, "x-amz-copy-source");
  if (source.times == 0) return true;
  const bool copies =
      asked.level == Level::kObject && asked.method == "PUT" && asked.action == "PutObject" && source.times == 1;
  if (!copies) return false;
  // "bucket/key?versionId=…": a key's own '?' is escaped.
  add_once(actions, source.text.contains('?') ? "GetObjectVersion" : "GetObject");
  return true;
}

/// False: a field of S3's that is not known, or that means nothing here that is known.
bool add_fields(const RequestFacts& request, const S3Request& asked, std::vector<std::string>& actions) {
  for (const FieldFact& field : request.fields) {
    const std::string_view name = field.name;
    if (!name.starts_with("x-amz-") || name == "x-amz-copy-source") continue;
    if (std::ranges::any_of(kS3Manners, [&](std::string_view known) { return is_called(name, known); })) continue;
    const auto* const known =
        std::ranges::find_if(kS3Fields, [&](const S3Field& f) { return is_called(name, f.name); });
    if (known == std::end(kS3Fields)) return false;
    const std::string_view action = asked.level == Level::kObject ? known->on_object : known->on_bucket;
    if (action.empty()) return false;
    add_once(actions, action);
  }
  return add_source(request, asked, actions);
}

}  // namespace

std::vector<std::string> read_s3_actions(const RequestFacts& request, S3Style style) {
  const auto query = read_query(request.query.value_or(""));
  const auto level = level_of(request.path, style);
  if (!query || !level) return {};
  const auto* const asked = std::ranges::find_if(kS3Requests, [&](const S3Request& known) {
    return known.level == *level && known.method == request.method && known.subresource == query->subresource;
  });
  if (asked == std::end(kS3Requests)) return {};
  std::vector<std::string> actions{std::string(query->version ? asked->of_version : asked->action)};
  if (actions.front().empty()) return {};
  if (!asked->also.empty()) add_once(actions, asked->also);
  if (!add_fields(request, *asked, actions)) return {};
  return actions;
}

bool sample_s3_request(std::string_view action, S3Style style, RequestFacts& into) {
  for (const S3Request& known : kS3Requests) {
    const bool of_version = known.of_version == action && known.action != action;
    if ((known.action != action && !of_version) || !known.also.empty()) continue;
    if (known.level == Level::kService && style == S3Style::kVirtual) continue;
    into.method = known.method;
    into.path = style == S3Style::kPath && known.level != Level::kService ? "/bucket/" : "/";
    if (known.level == Level::kObject) into.path += "key";
    std::string query(known.subresource);
    if (of_version) query += query.empty() ? "versionId=1" : "&versionId=1";
    if (!query.empty()) into.query = std::move(query);
    return true;
  }
  return false;
}

std::vector<std::string_view> s3_actions_known() {
  std::vector<std::string_view> actions;
  for (const S3Request& known : kS3Requests)
    actions.insert(actions.end(), {known.action, known.of_version, known.also});
  for (const S3Field& known : kS3Fields) actions.insert(actions.end(), {known.on_bucket, known.on_object});
  std::erase(actions, "");
  return actions;
}

}  // namespace enforcer::policy
