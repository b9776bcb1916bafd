#include "policy/decision.h"

#include <fmt/format.h>

#include "policy/credential_spec.h"

namespace enforcer::policy {

std::string_view label(Action action) {
  switch (action) {
    case Action::kAllow:
      return "allow";
    case Action::kReview:
      return "review";
    case Action::kDeny:
      return "deny";
  }
  return "";
}

std::string full_name(std::string_view policy, std::string_view rule) {
  return fmt::format("{}/{}", policy, rule);
}

std::string full_name(const RuleInfo* rule) {
  return rule != nullptr ? full_name(rule->policy, rule->rule) : std::string();
}

std::string_view credential_of(const Decision& decision) {
  return decision.credential != nullptr ? std::string_view(decision.credential->name) : std::string_view();
}

}  // namespace enforcer::policy
