// AwsScope: what an AWS signature says it is good for: "AKID/20260101/us-east-1/ce/aws4_request".
//
// The decision reads the service here, and so does who signs again: they must not read two different ones.
#pragma once

#include <optional>
#include <string_view>

namespace enforcer::policy {

/// Views of the text that was read; none is empty.
struct AwsScope {
  std::string_view key_id;
  std::string_view date;
  std::string_view region;
  std::string_view service;  ///< is_aws_word()
};

/// Nothing when the text has not exactly these five parts.
[[nodiscard]] std::optional<AwsScope> read_aws_scope(std::string_view credential);

/// A service or region as AWS's signatures and host names spell it: 1-63 of lower-case letters, digits and '-' inside.
[[nodiscard]] bool is_aws_word(std::string_view text);

}  // namespace enforcer::policy
