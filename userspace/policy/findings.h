// Findings: what a guest's policy has to say about some facts, sorted by who says it and how much it says: the input of
// the verdict.
//
// "Some" findings come from rules with matchers, which speak about some requests only. As long as requests cannot be
// seen, whether such a rule matches is unknown, and unknown means deny (invariant 2).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "policy/compile.h"
#include "policy/facts.h"

namespace enforcer::policy {

/// The best rule of one sort, by its number in the compiled policy.
class Pick {
 public:
  /// The smallest rank wins, then the smallest number: "lexically first".
  void offer(std::uint32_t rule, int rank = 0) {
    if (found_ && (rank_ < rank || (rank_ == rank && rule_ <= rule))) return;
    found_ = true;
    rule_ = rule;
    rank_ = rank;
  }
  [[nodiscard]] bool found() const { return found_; }
  [[nodiscard]] std::uint32_t rule() const { return rule_; }

 private:
  std::uint32_t rule_ = 0;
  int rank_ = 0;
  bool found_ = false;
};

/// What one side, the guardrails or the policies, holds against it.
struct Objections {
  Pick deny;
  Pick deny_some;
  Pick review;
  Pick review_some;
};

enum class CeilingMatch : std::uint8_t { kNone, kSome, kAll };

struct Findings {
  Objections guardrails;
  Objections policies;
  Pick plain;                          ///< allows that need not see requests
  Pick seeing;                         ///< allows that must see requests: matchers or a credential
  Pick opaque;                         ///< `protocol: tcp` allows
  Pick opaque_review;                  ///< `protocol: tcp` reviews
  bool never_inspect = false;          ///< a plain allow insists on passthrough
  bool wrong_port = false;             ///< an allow or review names the host, but not like this
  std::vector<CeilingMatch> ceilings;  ///< for each of CompiledPolicy::ceilings

  /// Something could let it through. A guardrail's review is not among it: guardrails only take away.
  [[nodiscard]] bool anything() const {
    return plain.found() || seeing.found() || opaque.found() || policies.review.found() || policies.review_some.found();
  }
};

[[nodiscard]] Findings find(const CompiledPolicy& policy, const Facts& facts);

/// Deny and review rules that name a resolved address; `facts` say for which host and port.
[[nodiscard]] Findings find_for_address(const CompiledPolicy& policy, const Facts& facts, const IpAddress& resolved);

/// Port 443 speaks TLS and port 80 clear HTTP; any other port that a rule names may speak either.
[[nodiscard]] bool port_speaks(Layer layer, Port port);

}  // namespace enforcer::policy
