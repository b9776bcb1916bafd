#include "enforcerctl/sightings.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/ascii.h"
#include "policy/address_guard.h"
#include "policy/reason.h"
#include "policy/target.h"

namespace enforcer::ctl {
namespace {

using policy::Reason;

constexpr std::size_t kLongestMethod = 20;

/// As a policy may name it: in capitals.
bool is_plain_method(std::string_view text) {
  return !text.empty() && text.size() <= kLongestMethod &&
         std::ranges::all_of(text, [](char c) { return ascii::is_upper(c) || c == '-'; });
}

/// "ce:GetCostAndUsage", without wildcards.
bool is_plain_action(std::string_view text) {
  const auto colon = text.find(':');
  const auto part = [](std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](char c) { return ascii::is_alphanumeric(c) || c == '-'; });
  };
  return colon != std::string_view::npos && part(text.substr(0, colon)) && part(text.substr(colon + 1));
}

/// "acme/w", without wildcards.
bool is_plain_repository(std::string_view text) {
  const auto slash = text.find('/');
  return slash != std::string_view::npos && slash > 0 && !text.ends_with('/') && !text.contains("//") &&
         std::ranges::all_of(text,
                             [](char c) { return ascii::is_alphanumeric(c) || std::string_view("-_./").contains(c); });
}

/// Denials that an allow rule for the target would have prevented.
bool rule_would_help(const std::string& reason) {
  constexpr Reason kMissing[] = {Reason::kNoRule,   Reason::kPort,        Reason::kRequest,      Reason::kAddress,
                                 Reason::kDnsName,  Reason::kNoPolicy,    Reason::kProtoUnknown, Reason::kDstPrivate,
                                 Reason::kTlsNoSni, Reason::kHelloTimeout};
  return std::ranges::any_of(kMissing, [&](Reason one) { return is_reason(reason, one); });
}

class Collector {
 public:
  explicit Collector(Sightings& into) : into_(into) {}

  void take(const PastDecision& past) {
    if (!is_ground(past)) return refuse(past);
    if (past.what.layer == "dns") return;
    const std::string target = target_text(past);
    if (target.empty()) return no_words(past, "not a name or address that a policy accepts");
    Sighting seen;
    if (const char* why = describe(past, seen)) return no_words(past, why);
    merge(into_.places[target], seen, past);
  }

 private:
  void refuse(const PastDecision& past) {
    const bool audited = past.allowed();
    const std::string& reason = audited ? past.what.would_reason : past.what.reason;
    Refusal refusal{.target = past.target(),
                    .method = past.what.method,
                    .path = past.what.path,
                    .reason = reason,
                    .rule = audited ? past.what.would_rule : past.what.rule,
                    .candidate = rule_would_help(reason) ? target_text(past) : "",
                    .audited = audited};
    into_.refused[std::move(refusal)] += past.count;
  }

  void no_words(const PastDecision& past, std::string_view why) { into_.wordless.emplace(request_text(past), why); }

  /// What it adds, or why it cannot be said.
  static const char* describe(const PastDecision& past, Sighting& seen) {
    const RecordedDecision& what = past.what;
    if (what.layer == "l4") {
      seen.relayed = past.count;
      return nullptr;
    }
    if (what.layer == "tls") {
      seen.passed = past.count;
      return what.port == kHttpPort ? "no rule allows TLS on port 80" : nullptr;
    }
    if (is_plain_action(what.action)) {
      seen.aws[what.action] = past.count;
      return nullptr;
    }
    if (take_git(past, seen)) return nullptr;
    if (!is_plain_method(what.method)) return "a method that a policy cannot name";
    if (!can_be_learnt(what.path)) return "a path that a policy cannot name";
    (what.upgrade.empty() ? seen.requests : seen.websockets).push_back({what.method, what.path, past.count});
    return nullptr;
  }

  /// "git push acme/w refs/heads/x"; what does not look like that is learnt as a request.
  static bool take_git(const PastDecision& past, Sighting& seen) {
    std::istringstream words(past.what.action);
    std::string git, operation, repository;
    words >> git >> operation;
    while (words >> repository && repository.starts_with("--")) {
    }
    if (git != "git" || (operation != "fetch" && operation != "push") || !is_plain_repository(repository)) return false;
    Sighting::Git& known = seen.git[{operation, repository}];
    known.requests = past.count;
    for (std::string ref; words >> ref;) known.refs.insert(ref);
    return true;
  }

  static void merge(Sighting& into, const Sighting& seen, const PastDecision& past) {
    into.relayed += seen.relayed;
    into.passed += seen.passed;
    into.requests.insert(into.requests.end(), seen.requests.begin(), seen.requests.end());
    into.websockets.insert(into.websockets.end(), seen.websockets.begin(), seen.websockets.end());
    for (const auto& [action, count] : seen.aws) into.aws[action] += count;
    for (const auto& [what, git] : seen.git) {
      Sighting::Git& known = into.git[what];
      known.requests += git.requests;
      known.refs.insert(git.refs.begin(), git.refs.end());
    }
    if (!past.what.credential.empty()) into.credentials[past.what.credential] += past.count;
    const auto is_private = [](const IpAddress& address) {
      return policy::judge_address(address) == policy::AddressVerdict::kPrivate;
    };
    const auto literal = past.address();
    into.private_space =
        into.private_space || std::ranges::any_of(past.dialled, is_private) || (literal && is_private(*literal));
  }

  Sightings& into_;
};

}  // namespace

bool is_ground(const PastDecision& past) {
  const bool forbidden = is_reason(past.what.would_reason, Reason::kRule) || past.what.would == "review" ||
                         is_reason(past.what.would_reason, Reason::kReviewUnavailable);
  return past.allowed() && !forbidden;
}

std::string request_text(const PastDecision& past) {
  const std::string method = past.what.method.empty() ? "" : past.what.method + " ";
  return method + past.target() + past.what.path;
}

std::string target_text(const PastDecision& past) {
  const auto host = past.host();
  const auto literal = past.address();
  std::string text = host ? host->text() : literal ? literal->to_string() : "";
  const Port port = past.what.port;
  if (text.empty()) return "";
  if (port != Port{} && port != kHttpsPort) {
    text = literal ? Endpoint{*literal, port}.to_string() : fmt::format("{}:{}", text, static_cast<unsigned>(port));
  }
  return policy::Target::parse(text, policy::PortDefault::kHttps) ? text : "";
}

Sightings sightings_of(const History& history) {
  Sightings sightings;
  Collector collector(sightings);
  for (const PastDecision& past : history.decisions()) collector.take(past);
  return sightings;
}

}  // namespace enforcer::ctl
