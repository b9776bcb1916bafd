#include "enforcerctl/reviews.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/ascii.h"
#include "base/percent.h"
#include "base/text.h"
#include "control/json.h"

namespace enforcer::ctl {
namespace {

constexpr std::size_t kIdLength = 26;

bool ends_so(std::string_view id, std::string_view ending) {
  if (ending.size() > id.size()) return false;
  id.remove_prefix(id.size() - ending.size());
  return std::ranges::equal(id, ending, {}, ascii::lower, ascii::lower);
}

Result<> check_ending(std::string_view text) {
  if (text.size() >= kShortestEnding) return {};
  return fail(Errc::kInvalid, fmt::format("'{}' is too short: give at least the last {} characters of the review's id",
                                          escape_untrusted(text, 64), kShortestEnding));
}

Result<std::vector<control::ReviewInfo>> all_reviews(const Tool& tool) {
  const std::string body = TRY(tool.ask("GET", "/v1/reviews"));
  return control::decode_reviews(body);
}

/// The one that ends with `text`, in either case.
Result<control::ReviewInfo> pick_review(const std::vector<control::ReviewInfo>& reviews, std::string_view text) {
  const control::ReviewInfo* found = nullptr;
  for (const control::ReviewInfo& review : reviews) {
    if (!ends_so(review.id, text)) continue;
    if (found != nullptr) {
      return fail(Errc::kConflict, fmt::format("more than one review ends with '{}', among them {} and {}",
                                               escape_untrusted(text, 64), found->id, review.id));
    }
    found = &review;
  }
  if (found == nullptr) return fail(Errc::kNotFound, fmt::format("no review '{}'", escape_untrusted(text, 64)));
  return *found;
}

}  // namespace

std::string short_id(std::string_view id) {
  return std::string(id.size() <= kShownEnding ? id : id.substr(id.size() - kShownEnding));
}

Result<control::ReviewInfo> find_review(const Tool& tool, std::string_view text) {
  TRY_VOID(check_ending(text));
  if (text.size() == kIdLength) {
    std::string id;
    std::ranges::transform(text, std::back_inserter(id), ascii::lower);
    const std::string body = TRY(tool.ask("GET", "/v1/reviews/" + percent_encode(id)));
    return control::decode_review(body);
  }
  return pick_review(TRY(all_reviews(tool)), text);
}

Result<std::string> send_verdict(const Tool& tool, control::ReviewDecision::Say say, const control::ReviewInfo& seen,
                                 std::string comment) {
  const bool approves = say == control::ReviewDecision::Say::kApprove;
  const control::ReviewDecision decision{
      .say = say, .id = seen.id, .fingerprint = seen.fingerprint, .comment = std::move(comment)};
  return tool.ask("POST", fmt::format("/v1/reviews/{}/{}", percent_encode(seen.id), approves ? "approve" : "reject"),
                  control::encode_verdict(decision));
}

}  // namespace enforcer::ctl
