// Findings: what a guest's policy has to say about some facts, sorted by who says it and how surely: the input of the
// verdict.
//
// "Some" findings come from rules with matchers of which it is not known whether they match: before the request is
// seen, or because it does not tell. Unknown never allows and always objects (invariant 2).
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
  void offer(std::uint32_t rule, Truth truth = Truth::kYes, int rank = 0) {
    if (found_ && (rank_ < rank || (rank_ == rank && rule_ <= rule))) return;
    found_ = true;
    rule_ = rule;
    rank_ = rank;
    truth_ = truth;
  }
  [[nodiscard]] bool found() const { return found_; }
  [[nodiscard]] std::uint32_t rule() const { return rule_; }
  [[nodiscard]] Truth truth() const { return truth_; }  ///< how surely that rule matches

 private:
  std::uint32_t rule_ = 0;
  int rank_ = 0;
  Truth truth_ = Truth::kYes;
  bool found_ = false;
};

/// What one side, the guardrails or the policies, holds against it.
struct Objections {
  Pick deny;
  Pick deny_some;
  Pick review;
  Pick review_some;
  Pick no_upgrade;  ///< reviews that would match, but what they let through must not become a WebSocket
  Pick no_tls;      ///< reviews that would match, but their credential must not go over clear HTTP
};

/// Which credentials the matching allows of a request want to add.
enum class Wanted : std::uint8_t { kNone, kOne, kDifferent };

struct Findings {
  Objections guardrails;
  Objections policies;
  Pick plain;                                  ///< allows that match for certain
  Pick seeing;                                 ///< allows with matchers or a credential of which nothing more is known
  Pick opaque;                                 ///< `protocol: tcp` allows
  Pick opaque_review;                          ///< `protocol: tcp` reviews
  bool never_inspect = false;                  ///< a plain allow insists on passthrough
  bool wrong_port = false;                     ///< an allow or review names the host, but not like this
  bool wrong_request = false;                  ///< an allow or review speaks about other requests to the host
  bool wrong_upgrade = false;                  ///< an allow or review would match, but must not become a WebSocket
  bool wrong_scheme = false;                   ///< one would match, but its credential must not go over clear HTTP
  Pick foreign;                                ///< allows that want no credential of the guest's own, which is there
  const CredentialSpec* credential = nullptr;  ///< of `plain` and of the policies' reviews
  Wanted credentials = Wanted::kNone;
  bool set_cookie = false;      ///< one of the allows that add the credential says so
  bool mint_tokens = false;     ///< likewise
  std::vector<Truth> ceilings;  ///< for each of CompiledPolicy::ceilings

  /// Something could let it through. A guardrail's review is not among it: guardrails only take away.
  [[nodiscard]] bool anything() const {
    return plain.found() || seeing.found() || opaque.found() || policies.review.found() || policies.review_some.found();
  }
};

[[nodiscard]] Findings find(const CompiledPolicy& policy, const Facts& facts);

/// Deny and review rules that name a resolved address; `facts` say for which host and port.
[[nodiscard]] Findings find_for_address(const CompiledPolicy& policy, const Facts& facts, const IpAddress& resolved);

/// Does a rule on this host and port that has not expired have this property?
[[nodiscard]] bool any_rule_here(const CompiledPolicy& policy, const Facts& facts,
                                 bool (*has)(const CompiledRule&, const Facts&));

/// Whether the rule's matchers mean the request of the facts.
[[nodiscard]] Truth means_request(const Rule& rule, const Facts& facts);

/// The request asks for a WebSocket, and the rule does not say that what it lets through may become one: what follows
/// the handshake is no HTTP, and no rule can be asked about it.
[[nodiscard]] bool refuses_upgrade(const Rule& rule, const Facts& facts);

/// The rule's credential must not be added to what is sent in the clear, so the rule cannot allow that.
[[nodiscard]] bool needs_tls(const Rule& rule, const Facts& facts);

/// The request brings a credential of the guest's own, and the rule says that such are denied.
[[nodiscard]] bool refuses_credential(const Rule& rule, const Facts& facts);

/// Port 443 speaks TLS and port 80 clear HTTP; any other port that a rule names may speak either.
[[nodiscard]] bool port_speaks(const Facts& facts);

}  // namespace enforcer::policy
