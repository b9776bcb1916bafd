// `explain`: what would happen to a connection or request, and why. Asks the policy the same questions in the same
// order as the data path (DNS, connection, classified bytes, request, address), with the same matcher; nothing is
// resolved, dialled or read from where secrets are. The daemon answers with it about the policies in force, the tool
// with it about policy files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/host_name.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "policy/facts.h"
#include "policy/snapshot.h"

namespace enforcer::control {

/// What a guest would say on the connection.
enum class Speech { kTls, kClearHttp };

struct ExplainTarget {
  std::string text;  ///< as it was asked
  std::optional<HostName> host;
  std::optional<IpAddress> address;  ///< when there is no host
  Port port = kHttpsPort;
  Speech speech = Speech::kTls;
  std::string method = "GET";
  std::string path = "/";                       ///< normalised
  std::optional<std::string> query;             ///< behind the '?'
  bool websocket = false;                       ///< the request asks to become one
  std::optional<policy::RequestFacts> request;  ///< when an action of AWS or git was given
  bool is_request = false;                      ///< a URL was given: ask about the request, not about the connection
};

/// "host", "host:port", "1.2.3.4:22", "[2001:db8::1]:22", "https://host/path", "POST http://host:8080/path",
/// "wss://host/path" and "ws://host/path" (a request for a WebSocket), "aws cloudformation:DeleteStack us-east-1",
/// "git push github.com/acme/w refs/heads/main" (policy/git_call.h).
/// Without a scheme, port 80 means clear HTTP and every other port TLS.
Result<ExplainTarget> parse_explain_target(std::string_view text);

/// "k=v,k2=v2"; "" is no labels.
Result<Labels> parse_labels(std::string_view text);

struct ExplainedRule {
  std::string rule;    ///< "policy/rule"
  std::string place;   ///< "file:line"
  std::string action;  ///< the list it stands in
  std::string match;   ///< "matched", "perhaps", "nearly" (policy::Match)
  std::string field;   ///< nearly: what stopped it (policy::Stopper)
  std::string target;  ///< the entry of `to`
  std::string detail;
};

/// What one layer says.
struct ExplainedLayer {
  std::string layer;
  std::string decision;
  std::string handling;  ///< "classify", "passthrough", "intercept", "opaque"; empty at "dns" and "http"
  std::string reason;
  std::string description;
  std::string rule;  ///< "policy/rule", or empty
  std::vector<ExplainedRule> rules;
};

/// What would be added to the request. Never a value.
struct ExplainedInjection {
  std::string credential;  ///< its name
  std::string as;          ///< as written in the Credential: "bearer"
  std::string where;       ///< in words: "header x-api-key"
  std::string source;      ///< where the value comes from: "file"
};

/// One step towards an allow.
struct ExplainedChange {
  std::string what;   ///< one sentence
  std::string place;  ///< "file:line" of what is changed, or empty
  std::string yaml;   ///< the lines to write there, or empty
};

struct ExplainAnswer {
  std::string target;
  std::string guest;  ///< empty: only labels were given
  std::uint64_t generation = 0;
  std::string decision;     ///< "allow", "review", "deny"
  std::string handling;     ///< "passthrough", "intercept" or "opaque"; empty: denied, clear HTTP, or a name alone
  std::string layer;        ///< where it was decided: "dns", "l4", "tls", "http"
  std::string reason;       ///< the label: "port"
  std::string description;  ///< the reason for people
  std::string rule;         ///< "policy/rule", or empty
  std::string place;
  std::string note;                    ///< the rule's own reason text
  std::string credential;              ///< the name of what would be added to the request, or empty
  std::string would;                   ///< audit mode: the decision in enforce mode, when it differs
  std::vector<ExplainedRule> rules;    ///< of the layer that decides
  std::vector<ExplainedLayer> layers;  ///< that were asked, in their order; the last one decides
  std::optional<ExplainedInjection> injection;
  /// Denied: the nearest change of policies with which the same question is allowed, in all its steps; a step without
  /// `yaml` is for a person to think about. Empty where no change that was tried is one.
  std::vector<ExplainedChange> changes;
  std::vector<std::string> hints;
};

struct ExplainQuery {
  /// Whether user names, services and regions of a Credential are told, which only admins see.
  enum class Detail { kWhole, kForViewers };
  ExplainTarget target;
  std::optional<GuestName> guest;
  Labels labels;
  Detail detail = Detail::kWhole;
};

[[nodiscard]] ExplainAnswer explain(const policy::Snapshot& snapshot, const ExplainQuery& query);

[[nodiscard]] std::string encode_explain(const ExplainAnswer& answer);
Result<ExplainAnswer> decode_explain(std::string_view text);

/// `policy list`.
[[nodiscard]] std::string encode_policies(std::uint64_t generation, const std::vector<policy::PolicySummary>& policies);
Result<std::vector<policy::PolicySummary>> decode_policies(std::string_view text);

}  // namespace enforcer::control
