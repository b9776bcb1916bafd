// Decision: a value, with the rule that said so. A denial is not an error.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "policy/reason.h"

namespace enforcer::policy {

enum class Action : std::uint8_t { kAllow, kReview, kDeny };
[[nodiscard]] std::string_view label(Action action);  ///< "allow", "review", "deny"

/// What an allow means for the bytes.
enum class Handling : std::uint8_t {
  kNone,         ///< not an allow
  kClassify,     ///< kL4 only: some rule could match once the first bytes are known
  kOpaque,       ///< `protocol: tcp`: relayed without looking (the server may speak first)
  kPassthrough,  ///< kTls: relayed untouched now that the name is known. kHttp: the request is let through
  kIntercept,    ///< kTls only: a matching rule needs to see the requests, and they decide
};

/// On which terms a review rule asks people.
struct ReviewTerms {
  std::chrono::milliseconds timeout = std::chrono::minutes(10);  ///< then the answer is no
  unsigned approvals = 1;                                        ///< of different people, 1-10
  bool freeze = false;                                           ///< `onHold: pause`: the guest stands still meanwhile
  std::string text;  ///< of the whole rule, the same for the same rule however it is laid out
  friend bool operator==(const ReviewTerms&, const ReviewTerms&) = default;
};

/// What records say about a rule. Owned by the compiled policy: whoever keeps a Decision keeps the GuestPolicy it came
/// from.
struct RuleInfo {
  std::string policy;                ///< metadata.name of the Policy or Guardrail
  std::string rule;                  ///< the rule's name
  std::string place;                 ///< "file:line"
  Action action = Action::kDeny;     ///< the list it stands in
  std::string note;                  ///< the rule's own `reason:` text, for people
  bool private_destination = false;  ///< `private: true`: the address guard lets private space pass (never metadata)
  bool guardrail = false;
  std::optional<ReviewTerms> review;  ///< Action::kReview only
};

/// "policy/rule": what people call a rule, for its name alone is known in one policy only.
[[nodiscard]] std::string full_name(std::string_view policy, std::string_view rule);
/// Of this rule; empty for none.
[[nodiscard]] std::string full_name(const RuleInfo* rule);

struct CredentialSpec;  // policy/credential_spec.h

struct Decision {
  Action action = Action::kDeny;
  Handling handling = Handling::kNone;
  Reason reason = Reason::kInternal;
  const RuleInfo* rule = nullptr;              ///< the rule that decided; null where none matched
  const CredentialSpec* credential = nullptr;  ///< to inject into this request (kHttp allows only); owned like the rule
  bool set_cookie = false;                     ///< with `credential`: Set-Cookie of the answer goes on to the guest
  /// kReview, and what became of it: an allow beside the rule that asks. What that one opens is open when people agree.
  const RuleInfo* beside = nullptr;

  /// In audit mode: what enforce mode would have said, when that differs.
  struct Would {
    Action action;
    Reason reason;
    const RuleInfo* rule;
  };
  std::optional<Would> would;

  [[nodiscard]] bool allowed() const { return action == Action::kAllow; }
  /// Private space may be dialled.
  [[nodiscard]] bool opens_private_space() const {
    return (rule != nullptr && rule->private_destination) || (beside != nullptr && beside->private_destination);
  }
};

/// The name of the credential that the decision adds, or empty.
[[nodiscard]] std::string_view credential_of(const Decision& decision);

}  // namespace enforcer::policy
