#include "policy/policy_document.h"

#include <fmt/format.h>

#include <algorithm>

namespace enforcer::policy {

std::string_view label(RuleList list) {
  switch (list) {
    case RuleList::kAllow:
      return "allow";
    case RuleList::kReview:
      return "review";
    case RuleList::kDeny:
      return "deny";
    case RuleList::kCeiling:
      return "ceiling";
  }
  return "";
}

std::string_view label(PolicyDocument::Kind kind) {
  return kind == PolicyDocument::Kind::kPolicy ? "Policy" : "Guardrail";
}

bool GuestSelector::selects(const GuestName& name, const Labels& labels) const {
  if (std::ranges::find(names, name.text()) != names.end()) return true;
  if (match_labels.empty()) return false;
  return std::ranges::all_of(match_labels, [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

std::string GuestSelector::to_string() const {
  if (!names.empty()) return fmt::format("names: {}", fmt::join(names, ", "));
  if (match_labels.empty()) return "none";
  std::string text;
  for (const auto& [key, value] : match_labels) text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value);
  return text;
}

}  // namespace enforcer::policy
