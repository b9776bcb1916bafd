#include "policy/guest_policy.h"

#include <algorithm>

#include "policy/compile.h"

namespace enforcer::policy {

GuestPolicy::GuestPolicy(std::unique_ptr<const CompiledPolicy> compiled) : compiled_(std::move(compiled)) {}
GuestPolicy::~GuestPolicy() = default;

std::uint64_t GuestPolicy::generation() const {
  return compiled_->generation;
}
bool GuestPolicy::selected() const {
  return compiled_->selected;
}
const LimitOverrides& GuestPolicy::limits() const {
  return compiled_->limits;
}
const std::vector<const RuleInfo*>& GuestPolicy::rules() const {
  return compiled_->rule_infos;
}

std::vector<const CredentialSpec*> GuestPolicy::credentials() const {
  std::vector<const CredentialSpec*> named;
  for (const CompiledRule& entry : compiled_->rules) {
    const bool adds = entry.rule->list == RuleList::kAllow || entry.rule->list == RuleList::kReview;
    if (adds && entry.credential != nullptr) named.push_back(entry.credential);
  }
  std::ranges::sort(named, {}, &CredentialSpec::name);
  const auto repeated = std::ranges::unique(named);
  named.erase(repeated.begin(), repeated.end());
  return named;
}

}  // namespace enforcer::policy
