// The words of the contract headers: labels are metric labels and log fields, so they are distinct and plain.
#include <doctest/doctest.h>

#include <set>

#include "policy/decision.h"
#include "policy/did_you_mean.h"
#include "policy/facts.h"

namespace enforcer::policy {
namespace {

TEST_CASE("reasons_have_distinct_plain_labels_and_a_line_for_people") {
  std::set<std::string_view> labels;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    labels.insert(label(reason));
    CHECK(label(reason).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos);
    CHECK_FALSE(description(reason).empty());
  }
  CHECK(labels.size() == kReasonCount);
  CHECK(label(Reason::kDstMetadata) == "dst_metadata");
}

TEST_CASE("layers_and_actions_have_labels") {
  CHECK(label(Layer::kDns) == "dns");
  CHECK(label(Layer::kL4) == "l4");
  CHECK(label(Layer::kTls) == "tls");
  CHECK(label(Layer::kHttp) == "http");
  CHECK(label(Action::kAllow) == "allow");
  CHECK(label(Action::kReview) == "review");
  CHECK(label(Action::kDeny) == "deny");
}

TEST_CASE("did_you_mean_takes_slips_of_the_finger_and_leaves_other_words_alone") {
  static constexpr std::string_view kWords[] = {"allow", "review", "deny", "matchLabels"};
  CHECK(did_you_mean("alow", kWords) == "did you mean 'allow'?");
  CHECK(did_you_mean("dney", kWords) == "did you mean 'deny'?");
  CHECK(did_you_mean("matchlabels", kWords) == "did you mean 'matchLabels'?");
  CHECK(did_you_mean("firewall", kWords).empty());
  CHECK(did_you_mean("", kWords).empty());
  CHECK(did_you_mean(std::string(1000, 'a'), kWords).empty());
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("ab", "ba") == 1);
}

}  // namespace
}  // namespace enforcer::policy
