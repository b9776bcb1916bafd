// Snapshot: one loaded generation of all policies and guardrails. Immutable; replaced as a whole by a reload, so a
// decision never sees half of one (whoever is in the middle of something keeps the one it began with).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/ids.h"
#include "policy/credential_spec.h"
#include "policy/guest_policy.h"

namespace enforcer::policy {

/// One line of `enforcerctl policy list`.
struct PolicySummary {
  std::string name;
  std::string kind;  ///< "Policy" or "Guardrail"
  std::string file;
  int line = 1;
  std::string mode;    ///< "enforce" or "audit"
  std::string guests;  ///< the selector as text: "role=coding-agent", "names: a, b", "all" (guardrails), "none"
  std::size_t allow = 0;
  std::size_t review = 0;
  std::size_t deny = 0;
  std::size_t ceiling = 0;
};

struct PolicyDocument;  // policy/policy_document.h

class Snapshot {
 public:
  /// A generation without any policy: everything is denied. What a daemon starts with when nothing loads.
  static std::shared_ptr<const Snapshot> deny_everything(std::uint64_t generation);

  Snapshot(std::vector<std::shared_ptr<const PolicyDocument>> documents, std::shared_ptr<const Credentials> credentials,
           std::uint64_t generation);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  [[nodiscard]] std::uint64_t generation() const { return generation_; }

  /// The compiled policy of one guest; never null. Any thread; compiled once per set of selecting policies, so callers
  /// ask once per guest and generation, not per connection.
  [[nodiscard]] std::shared_ptr<const GuestPolicy> for_guest(const GuestName& name, const Labels& labels) const;

  /// The names of the policies that select the guest, sorted; without guardrails, which select all. None: everything is
  /// denied.
  [[nodiscard]] std::vector<std::string> selecting(const GuestName& name, const Labels& labels) const;

  /// Sorted by kind and name.
  [[nodiscard]] const std::vector<PolicySummary>& policies() const { return summaries_; }
  /// Sorted by name. What guests' decisions point to lives in their GuestPolicy, which may outlive this.
  [[nodiscard]] const Credentials& credentials() const { return *credentials_; }
  /// Every deny rule of every policy and guardrail, sorted: for metric series that exist from the start.
  [[nodiscard]] const std::vector<const RuleInfo*>& deny_rules() const { return deny_rules_; }

 private:
  std::uint64_t generation_;
  std::vector<std::shared_ptr<const PolicyDocument>> documents_;
  std::shared_ptr<const Credentials> credentials_;
  std::vector<PolicySummary> summaries_;
  std::vector<const RuleInfo*> deny_rules_;

  mutable std::mutex mutex_;
  mutable std::map<std::vector<std::size_t>, std::shared_ptr<const GuestPolicy>> compiled_;  ///< by selecting documents
};

}  // namespace enforcer::policy
