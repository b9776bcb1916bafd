// Compiling: the documents that speak about one guest become two indexes and a list of rules in the order of their
// names, so that "lexically first" is "smallest number".
#pragma once

#include <memory>
#include <vector>

#include "policy/address_index.h"
#include "policy/credential_spec.h"
#include "policy/host_index.h"
#include "policy/policy_document.h"

namespace enforcer::policy {

struct CompiledRule {
  const Rule* rule = nullptr;
  bool has_except = false;
  const CredentialSpec* credential = nullptr;  ///< of the rule's `credential`; null: none
  std::uint32_t ceiling = 0;  ///< RuleList::kCeiling: which one, an index into CompiledPolicy::ceilings
};

struct CompiledPolicy {
  std::uint64_t generation = 0;
  std::vector<std::shared_ptr<const PolicyDocument>> documents;
  std::shared_ptr<const Credentials> credentials;
  std::vector<CompiledRule> rules;          ///< sorted by policy, rule, kind
  std::vector<const RuleInfo*> rule_infos;  ///< of `rules`
  std::vector<const RuleInfo*> ceilings;    ///< one for each guardrail that has a ceiling
  HostIndex hosts;
  AddressIndex addresses;
  bool any_git = false;  ///< some rule, on whatever host, has a `git` matcher
  bool any_aws = false;  ///< some rule has an `aws` matcher, or a credential that signs
  bool selected = false;
  bool audit = false;
  RuleInfo audit_rule;  ///< the implicit allow of audit mode
  LimitOverrides limits;
};

/// The documents are those that apply: the policies that select the guest, and all guardrails. Their order does not
/// matter. Every credential that they name is among `credentials`.
[[nodiscard]] std::unique_ptr<const CompiledPolicy> compile(
    std::vector<std::shared_ptr<const PolicyDocument>> documents, std::shared_ptr<const Credentials> credentials,
    std::uint64_t generation);

}  // namespace enforcer::policy
