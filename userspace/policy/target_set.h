// TargetSet: targets of many rules, asked which of them covers or overlaps another target.
//
// Covering is found by asking an index for a name (or address) that the covered target matches and no other rule
// mentions: whatever covers the target must match it. So a list of many thousand names is checked without comparing
// each with each. Overlapping needs a comparison with each member where the question is a wildcard or a block, and none
// where it is a single name or address.
#pragma once

#include <vector>

#include "policy/address_index.h"
#include "policy/host_index.h"
#include "policy/policy_document.h"

namespace enforcer::policy {

class TargetSet {
 public:
  struct Member {
    const Rule* rule;
    const Target* target;
  };

  /// The document's rules that satisfy `wanted`; they must outlive the set.
  template <class Wanted>
  TargetSet(const PolicyDocument& document, Wanted wanted) {
    for (const Rule& rule : document.rules) {
      if (!wanted(rule)) continue;
      for (const Target& target : rule.to) add({&rule, &target});
    }
    seal();
  }
  /// The given targets of one rule.
  TargetSet(const Rule& rule, const std::vector<Target>& targets) {
    for (const Target& target : targets) add({&rule, &target});
    seal();
  }

  /// Members that cover the target.
  [[nodiscard]] std::vector<Member> covering(const Target& target) const;
  /// One member that overlaps the target, or null.
  [[nodiscard]] const Member* overlapping(const Target& target) const;
  /// A member that matches the name on some port exists.
  [[nodiscard]] bool mentions(const HostName& name) const;

  [[nodiscard]] const std::vector<Member>& members() const { return members_; }

 private:
  void add(Member member);
  void seal();
  [[nodiscard]] MatchList matching(const Target& target) const;

  std::vector<Member> members_;
  HostIndex hosts_;
  AddressIndex addresses_;
};

/// A single name or address, and not many.
[[nodiscard]] bool is_single(const Target& target);

}  // namespace enforcer::policy
