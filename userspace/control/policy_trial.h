// PolicyTrial: the documents that decide about one guest, with something changed in them: what they would decide, and
// whether people who load them would be told something that they are not told now.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "policy/compile.h"
#include "policy/guest_policy.h"
#include "policy/policy_document.h"

namespace enforcer::control {

/// Where a trial has a rule.
struct RulePlace {
  std::size_t document = 0;
  std::size_t rule = 0;
};

class PolicyTrial {
 public:
  /// Nothing is changed yet. `now` must live as long as this and its copies.
  explicit PolicyTrial(const policy::CompiledPolicy& now) : now_(&now), documents_(now.documents) {}

  using Documents = std::vector<std::shared_ptr<const policy::PolicyDocument>>;
  [[nodiscard]] const Documents& documents() const { return documents_; }
  [[nodiscard]] std::optional<RulePlace> find(const policy::RuleInfo* info) const;  ///< none: null, or an implicit rule
  [[nodiscard]] const policy::Rule& at(const RulePlace& place) const {
    return documents_[place.document]->rules[place.rule];
  }

  policy::Rule& change(const RulePlace& place) { return own(place.document).rules[place.rule]; }
  void add_rule(std::size_t document, policy::Rule rule);
  void add_document(std::shared_ptr<const policy::PolicyDocument> document);

  [[nodiscard]] std::unique_ptr<const policy::GuestPolicy> compiled() const;
  /// A changed document has an error or a warning that it did not have before.
  [[nodiscard]] bool draws_a_problem() const;
  /// One of a changed document's own tests fails that did not fail before.
  [[nodiscard]] bool fails_a_test() const;

 private:
  policy::PolicyDocument& own(std::size_t document);
  [[nodiscard]] Documents guardrails() const;

  const policy::CompiledPolicy* now_;
  Documents documents_;
};

}  // namespace enforcer::control
