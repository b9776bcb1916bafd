#include "policy/guest_policy.h"

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
bool GuestPolicy::audit_mode() const {
  return compiled_->audit;
}
const LimitOverrides& GuestPolicy::limits() const {
  return compiled_->limits;
}
const std::vector<const RuleInfo*>& GuestPolicy::rules() const {
  return compiled_->rule_infos;
}

}  // namespace enforcer::policy
