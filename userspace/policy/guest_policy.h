// GuestPolicy: everything that says something about one guest, compiled: the policies that select it, and all
// guardrails.
//
// Immutable and shared: guests that are selected by the same policies share one. Deciding costs a few hash lookups per
// label of the name, whatever the number of rules (host_index.h, address_index.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "policy/decision.h"

namespace enforcer::policy {

/// What policies say about limits; none: the configuration's own limit holds. Where several policies select a guest the
/// smallest wins.
struct LimitOverrides {
  std::optional<std::uint64_t> connections;
  std::optional<std::uint64_t> half_open;
  std::optional<std::uint64_t> requests_per_minute;
  std::optional<std::uint64_t> decisions_per_minute;
  std::optional<std::uint64_t> distinct_names_per_hour;
  std::optional<std::uint64_t> upload_bytes_per_hour;
  std::optional<std::uint64_t> dns_per_second;

  friend bool operator==(const LimitOverrides&, const LimitOverrides&) = default;
};

struct CompiledPolicy;  // policy/compile.h

class GuestPolicy {
 public:
  explicit GuestPolicy(std::unique_ptr<const CompiledPolicy> compiled);
  ~GuestPolicy();
  GuestPolicy(const GuestPolicy&) = delete;
  GuestPolicy& operator=(const GuestPolicy&) = delete;

  [[nodiscard]] std::uint64_t generation() const;  ///< of the snapshot it was made from
  [[nodiscard]] bool selected() const;  ///< at least one Policy selects the guest; otherwise everything is denied
  [[nodiscard]] const LimitOverrides& limits() const;
  /// The rules that can decide about this guest, guardrails included, sorted by policy and rule.
  [[nodiscard]] const std::vector<const RuleInfo*>& rules() const;
  /// The credentials that its allow and review rules name, sorted by name, each once. They live as long as this.
  [[nodiscard]] std::vector<const CredentialSpec*> credentials() const;

  [[nodiscard]] const CompiledPolicy& compiled() const { return *compiled_; }  ///< for decide() and explain()

 private:
  std::unique_ptr<const CompiledPolicy> compiled_;
};

}  // namespace enforcer::policy
