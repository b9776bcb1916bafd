#include "policy/aws_scope.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace enforcer::policy {
namespace {

constexpr std::size_t kLongestAwsWord = 63;  // a label of a host name, at the same time

}  // namespace

bool is_aws_word(std::string_view text) {
  const auto fits = [](char c) { return ascii::is_lower(c) || ascii::is_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= kLongestAwsWord && !text.starts_with('-') && !text.ends_with('-') &&
         std::ranges::all_of(text, fits);
}

std::optional<AwsScope> read_aws_scope(std::string_view credential) {
  std::array<std::string_view, 5> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto slash = credential.find('/');
    if ((slash != std::string_view::npos) != (i + 1 < parts.size())) return std::nullopt;
    parts[i] = credential.substr(0, slash);
    if (parts[i].empty()) return std::nullopt;
    credential.remove_prefix(slash == std::string_view::npos ? credential.size() : slash + 1);
  }
  if (parts[4] != "aws4_request" || !is_aws_word(parts[3])) return std::nullopt;
  return AwsScope{.key_id = parts[0], .date = parts[1], .region = parts[2], .service = parts[3]};
}

}  // namespace enforcer::policy
