// S3's actions: what a request does to a bucket or an object, told by its method, its path, the subresource that its
// query names (`?policy`) and some headers (Amazon S3 API Reference, "Actions"; Service Authorization Reference,
// "Actions, resources, and condition keys for Amazon S3").
//
// Actions are called as IAM calls them: DELETE ?lifecycle is PutLifecycleConfiguration, HEAD is GetObject or
// ListBucket. A request that needs several permissions does several things: a copy reads an object beside the one that
// it writes, an upload with `x-amz-acl` also says who may read it. A subresource, a parameter or a header of S3's that
// nobody here has heard of may make another request of it, so that nothing is told.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/facts.h"

namespace enforcer::policy {

/// Where the bucket's name stands.
enum class S3Style {
  kPath,     ///< s3.eu-west-1.amazonaws.com/bucket/key
  kVirtual,  ///< bucket.s3.eu-west-1.amazonaws.com/key
};

/// The action first, then what is done beside it. Empty: cannot be told.
[[nodiscard]] std::vector<std::string> read_s3_actions(const RequestFacts& request, S3Style style);

/// Method, path and query of a request that does this; false: there is none that does it and nothing else.
[[nodiscard]] bool sample_s3_request(std::string_view action, S3Style style, RequestFacts& into);

/// All actions that can be told.
[[nodiscard]] std::vector<std::string_view> s3_actions_known();

}  // namespace enforcer::policy
