// explain() looks at every rule, one after the other, and so is also a second opinion about the indexes that decide()
// uses: a test holds both together.
#include "policy/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "policy/aws_host.h"
#include "policy/compile.h"
#include "policy/did_you_mean.h"
#include "policy/findings.h"
#include "policy/request_stop.h"

namespace enforcer::policy {
namespace {

bool names(const Target& target, const Facts& facts) {
  if (facts.host) return target.host() && target.host()->matches(*facts.host);
  if (!facts.destination || !target.block()) return false;
  return target.block()->is_v4() == facts.destination->is_v4() && target.block()->contains(*facts.destination);
}

std::string port_text(const Target& target) {
  return target.port ? fmt::format("port {}", static_cast<unsigned>(*target.port)) : "every port";
}

/// The region of an endpoint of AWS that differs from another one's in nothing else; empty: it does not.
std::string other_region(const HostName& wanted, const HostName& host) {
  const auto ours = read_aws_host(wanted);
  const auto theirs = read_aws_host(host);
  if (!ours || !theirs || ours->endpoint != theirs->endpoint) return {};
  const auto one = wanted.labels();
  const auto other = host.labels();
  if (one.size() != other.size()) return {};
  const auto [differs, beside] = std::ranges::mismatch(one, other);
  const bool alone = differs != one.end() && std::equal(differs + 1, one.end(), beside + 1);
  if (!alone || differs == one.begin()) return {};
  return fmt::format("'{}' is in region {}, not {}", wanted.text(), *differs, *beside);
}

/// How a target that does not match comes close to the name; empty when it does not.
std::string near_miss(const HostPattern& pattern, const HostName& host) {
  const std::string suffix = pattern.suffix();
  if (!pattern.exact() && host.text() == suffix)
    return fmt::format("'{}' does not include '{}' itself", pattern.text(), suffix);
  const bool below = !suffix.empty() && host.text().ends_with("." + suffix);
  if (pattern.exact()) {
    if (below) return fmt::format("'{}' means that name only; '**.{}' means the names below it", suffix, suffix);
    if (const auto wanted = HostName::parse(suffix)) {
      if (std::string region = other_region(*wanted, host); !region.empty()) return region;
    }
    // One slip in a name of 8 characters; short names are similar to everything.
    const bool comparable = suffix.size() >= 8 && suffix.size() < 64 && host.text().size() < 64;
    const bool similar = comparable && edit_distance(suffix, host.text()) <= suffix.size() / 8;
    return similar ? fmt::format("'{}' is spelt differently", suffix) : "";
  }
  if (!below) return {};
  if (pattern.labels().front() == "*" && !pattern.any_depth() && host.labels().size() > pattern.labels().size()) {
    return fmt::format("'*' in '{}' is one label; '**' is any number of them", pattern.text());
  }
  if (pattern.wildcard_inside_label() && host.labels().size() == pattern.labels().size()) {
    return fmt::format("'{}' does not match the first label", pattern.text());
  }
  return {};
}

/// The closest that any of the rule's targets comes, without looking at `except` and `expires`; none when none comes
/// close.
std::optional<RuleTrace> trace_targets(const Rule& rule, const Facts& facts) {
  RuleTrace best{.rule = &rule.info, .match = Match::kNearly, .stopper = Stopper::kHost, .target = {}, .detail = {}};
  bool named = false;
  for (const Target& target : rule.to) {
    if (names(target, facts)) {
      named = true;
      best.target = target.text;
      if (facts.layer != Layer::kDns && !target.has_port(facts.port)) {
        best.stopper = Stopper::kPort;
        best.detail = fmt::format("names {}, not port {}", port_text(target), static_cast<unsigned>(facts.port));
        continue;
      }
      if (rule.list == RuleList::kAllow && !rule.opaque && !port_speaks(facts)) {
        best.stopper = Stopper::kProtocol;
        best.detail = facts.port == kHttpPort ? "port 80 is for clear HTTP only" : "port 443 is for TLS only";
        continue;
      }
      best.match = Match::kMatched;
      best.stopper = Stopper::kNone;
      best.detail.clear();
      return best;
    }
    if (named || !facts.host || !target.host()) continue;
    if (std::string miss = near_miss(*target.host(), *facts.host); !miss.empty() && best.detail.empty()) {
      best.target = target.text;
      best.detail = std::move(miss);
    }
  }
  return best.detail.empty() ? std::nullopt : std::optional(std::move(best));
}

Leaning leaning_of(const Rule& rule) {
  const bool objecting = rule.list == RuleList::kDeny || rule.list == RuleList::kReview;
  return objecting ? Leaning::kObjecting : Leaning::kAllowing;
}

/// The rule's matchers of which it cannot be known whether they mean the request.
std::string unknown_matchers(const Rule& rule, const RequestFacts& request) {
  std::string names;
  const auto look = [&](std::string_view name, const RequestMatcher& part) {
    if (part.empty() || !is_unknown(matches(part, request, leaning_of(rule)))) return;
    names += fmt::format("{}'{}'", names.empty() ? "" : " and ", name);
  };
  look("http", {.http = rule.matcher.http});
  look("git", {.git = rule.matcher.git});
  look("aws", {.aws = rule.matcher.aws});
  look("graphql' or 'mcp", {.unseen = rule.matcher.unseen});
  return names;
}

void apply_request(RuleTrace& trace, const Rule& rule, const Facts& facts) {
  const Truth truth = means_request(rule, facts);
  const auto stop = [&](Stopper stopper, std::string detail) {
    trace.match = Match::kNearly;
    trace.stopper = stopper;
    trace.detail = std::move(detail);
  };
  const auto perhaps = [&](std::string detail) {
    trace.match = Match::kPerhaps;
    trace.detail = std::move(detail);
  };
  if (truth == Truth::kNo) {
    RequestStop found = request_stop(rule.matcher, *facts.request, leaning_of(rule));
    return stop(found.field, std::move(found.detail));
  }
  if (rule.list == RuleList::kAllow && needs_tls(rule, facts))
    return stop(Stopper::kScheme, "its credential never goes over clear HTTP");
  if (refuses_credential(rule, facts)) {
    trace.detail = "it says 'foreignCredentials: deny', and the request brings one";
    return;
  }
  const bool refuses = refuses_upgrade(rule, facts);
  if (refuses && rule.list == RuleList::kAllow)
    return stop(Stopper::kUpgrade, "the request asks for a WebSocket, and the rule does not say 'websocket: true'");
  if (refuses) {
    trace.detail = "the request asks for a WebSocket, and the rule does not say 'websocket: true'";
  } else if (facts.layer != Layer::kHttp || !facts.request) {
    if (rule.has_matchers()) return perhaps("needs to see the request");
    if (rule.needs_requests()) trace.detail = "needs to see requests";
  } else if (is_unknown(truth)) {
    perhaps(unknown_matchers(rule, *facts.request) + " cannot be told from the request");
  }
}

void apply_conditions(RuleTrace& trace, const Rule& rule, const Facts& facts) {
  if (trace.match != Match::kMatched) return;
  const auto stop = [&](Stopper stopper, std::string detail) {
    trace.match = Match::kNearly;
    trace.stopper = stopper;
    trace.detail = std::move(detail);
  };
  if (rule.expired(facts.now)) stop(Stopper::kExpired, "its 'expires' has passed");
  for (const Target& except : rule.except) {
    const bool port =
        facts.layer == Layer::kDns ? !except.port || rule.list == RuleList::kDeny : except.has_port(facts.port);
    if (names(except, facts) && port) stop(Stopper::kExcept, fmt::format("'except' names '{}'", except.text));
  }
  if (trace.match != Match::kMatched) return;
  apply_request(trace, rule, facts);
  // Before a port is known, only a deny of every request on every port says no.
  if (facts.layer != Layer::kDns || rule.list != RuleList::kDeny) return;
  const bool everything = !rule.has_matchers() && std::ranges::any_of(rule.to, [&](const Target& target) {
    return !target.port && names(target, facts);
  });
  if (!everything) stop(Stopper::kPort, "does not cover every port and request of the name");
}

}  // namespace

std::string_view label(Match match) {
  switch (match) {
    case Match::kMatched:
      return "matched";
    case Match::kPerhaps:
      return "perhaps";
    case Match::kNearly:
      break;
  }
  return "nearly";
}

std::string_view label(Stopper stopper) {
  switch (stopper) {
    case Stopper::kNone:
      return "";
    case Stopper::kHost:
      return "host";
    case Stopper::kPort:
      return "port";
    case Stopper::kProtocol:
      return "protocol";
    case Stopper::kScheme:
      return "scheme";
    case Stopper::kUpgrade:
      return "upgrade";
    case Stopper::kMethod:
      return "method";
    case Stopper::kPath:
      return "path";
    case Stopper::kQuery:
      return "query";
    case Stopper::kHeader:
      return "header";
    case Stopper::kGit:
      return "git";
    case Stopper::kAws:
      return "aws";
    case Stopper::kRequest:
      return "request";
    case Stopper::kExcept:
      return "except";
    case Stopper::kExpired:
      return "expired";
  }
  return "";
}

bool is_of_request(Stopper stopper) {
  switch (stopper) {
    case Stopper::kMethod:
    case Stopper::kPath:
    case Stopper::kQuery:
    case Stopper::kHeader:
    case Stopper::kGit:
    case Stopper::kAws:
    case Stopper::kRequest:
      return true;
    default:
      return false;
  }
}

Explanation explain(const GuestPolicy& policy, const Facts& facts) {
  Explanation explanation{decide(policy, facts), {}};
  for (const CompiledRule& compiled : policy.compiled().rules) {
    auto trace = trace_targets(*compiled.rule, facts);
    if (!trace) continue;
    apply_conditions(*trace, *compiled.rule, facts);
    explanation.rules.push_back(*std::move(trace));
  }
  std::ranges::sort(explanation.rules, {}, [](const RuleTrace& trace) {
    const RuleInfo& info = *trace.rule;
    return std::tuple(trace.match, -static_cast<int>(info.action), std::string_view(info.policy),
                      std::string_view(info.rule));
  });
  return explanation;
}

}  // namespace enforcer::policy
