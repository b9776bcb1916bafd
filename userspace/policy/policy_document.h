// One Policy or Guardrail as read from a file: checked in itself, not yet compiled. Immutable once a snapshot holds it;
// the RuleInfos that decisions point to live here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/ids.h"
#include "policy/decision.h"
#include "policy/diagnostic.h"
#include "policy/facts.h"
#include "policy/guest_policy.h"
#include "policy/request_matcher.h"
#include "policy/target.h"

namespace enforcer::policy {

/// The list that a rule stands in. `ceiling` exists in guardrails only and is what is allowed at most.
enum class RuleList { kAllow, kReview, kDeny, kCeiling };
[[nodiscard]] std::string_view label(RuleList list);  ///< "allow", "review", "deny", "ceiling"

struct Rule {
  RuleInfo info;
  RuleList list = RuleList::kDeny;
  Place place;
  std::vector<Target> to;
  std::vector<Target> except;
  std::optional<WallClock::time_point> expires;
  bool opaque = false;         ///< `protocol: tcp`
  bool never_inspect = false;  ///< `inspect: never`
  bool broad = false;          ///< `broad: true`
  bool websocket = false;      ///< `websocket: true`: requests may become WebSockets
  bool set_cookie = false;     ///< `setCookie: true`: answers to requests with the credential keep Set-Cookie
  bool mint_tokens = false;    ///< `mintTokens: true`: the credential may make others (policy/token_endpoints.h)
  bool own_credentials_denied = false;  ///< `foreignCredentials: deny` (policy/own_credentials.h)
  RequestMatcher matcher;               ///< which requests it speaks about
  std::string credential;               ///< name, or empty
  Place credential_place;

  /// The requests themselves must be seen to know whether the rule matches, or to apply it.
  [[nodiscard]] bool needs_requests() const { return !takes_all_requests() || websocket; }
  /// It speaks about all requests alike, and adds nothing to them.
  [[nodiscard]] bool takes_all_requests() const {
    return !has_matchers() && credential.empty() && !own_credentials_denied;
  }
  /// It speaks about some requests only.
  [[nodiscard]] bool has_matchers() const { return !matcher.empty(); }
  [[nodiscard]] bool expired(WallClock::time_point now) const { return expires && *expires <= now; }
};

/// Which guests a policy selects. Leaving everything out selects nothing.
struct GuestSelector {
  std::vector<std::string> names;
  Labels match_labels;

  [[nodiscard]] bool selects(const GuestName& name, const Labels& labels) const;
  [[nodiscard]] bool empty() const { return names.empty() && match_labels.empty(); }
  [[nodiscard]] std::string to_string() const;  ///< "role=coding-agent,team=x", "names: a, b", "none"
};

/// One entry of spec.tests.
struct PolicyTest {
  std::string text;  ///< as written
  Place place;
  std::optional<HostName> host;
  std::optional<IpAddress> address;
  Port port{};
  std::optional<RequestFacts> request;  ///< none: what becomes of the connection is asked
  Action expect = Action::kDeny;
  std::string rule;  ///< "rule" or "policy/rule", or empty
};

struct PolicyDocument {
  enum class Kind { kPolicy, kGuardrail };
  Kind kind = Kind::kPolicy;
  std::string name;
  std::string file;
  Place place;
  GuestSelector guests;
  bool audit = false;  ///< `mode: audit`
  std::vector<Rule> rules;
  std::optional<RuleInfo> ceiling;  ///< a guardrail that has one: what its denials are called
  LimitOverrides limits;
  std::vector<PolicyTest> tests;

  [[nodiscard]] bool guardrail() const { return kind == Kind::kGuardrail; }
};
[[nodiscard]] std::string_view label(PolicyDocument::Kind kind);  ///< "Policy", "Guardrail"

}  // namespace enforcer::policy
