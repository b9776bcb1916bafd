#include "enforcerctl/suggestion.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "enforcerctl/replay.h"
#include "enforcerctl/rule_text.h"
#include "enforcerctl/sightings.h"
#include "enforcerctl/yaml_text.h"
#include "policy/loader.h"
#include "policy/target.h"

namespace enforcer::ctl {
namespace {

using policy::Reason;

/// Of each list of comments; a guest that tries names at random has many.
constexpr std::size_t kMostListed = 200;
constexpr std::size_t kManyNames = 3;

/// What was allowed and is not by the suggested rules, with why and how often.
using LeftOut = std::map<std::string, std::uint64_t>;

std::string title_text(const History& history, const SuggestionTitle& title) {
  std::string guests;
  if (!title.guest.empty()) {
    guests = fmt::format("names: {}", yaml_list({title.guest}));
  } else {
    for (const auto& [key, value] : title.labels)
      guests += fmt::format("{}{}: {}", guests.empty() ? "" : ", ", yaml_quoted(key), yaml_quoted(value));
    guests = fmt::format("matchLabels: {{{}}}", guests);
  }
  return fmt::format(
      "# Suggested from {} in the audit log, {} to {}.\n"
      "# It allows what was allowed then and little more; what was denied stands in comments. Read it before you apply "
      "it.\n"
      "apiVersion: enforcer.dev/v1\n"
      "kind: Policy\n"
      "metadata: {{name: {}}}\n"
      "spec:\n"
      "  guests: {{{}}}\n"
      "  mode: enforce\n",
      count_of(history.count(), "decision"), yaml_comment(history.first()), yaml_comment(history.last()),
      yaml_quoted(title.name), guests);
}

/// A rule that would have prevented the denial, or nothing.
std::string candidate_of(const Refusal& refusal) {
  if (refusal.candidate.empty()) return "";
  const bool opaque = is_reason(refusal.reason, Reason::kProtoUnknown) ||
                      is_reason(refusal.reason, Reason::kTlsNoSni) || is_reason(refusal.reason, Reason::kHelloTimeout);
  std::string more = opaque ? ", protocol: tcp" : "";
  if (is_reason(refusal.reason, Reason::kDstPrivate)) more = ", private: true";
  if (!refusal.method.empty()) {
    if (!can_be_learnt(refusal.path)) return "";
    more += fmt::format(", http: [{{methods: {}, paths: {}}}]", yaml_list({refusal.method}), yaml_list({refusal.path}));
  }
  const std::string rule = fmt::format("- {{name: {}, to: {}{}}}", yaml_quoted(rule_name_for(refusal.candidate)),
                                       yaml_list({refusal.candidate}), more);
  return rule.size() <= kLongestComment ? rule : "";  // half a rule is none
}

std::string refused_text(const Sightings& sightings) {
  if (sightings.refused.empty()) return "";
  std::string out = "# Denied, and not allowed above; where a rule could change that, it follows.\n";
  std::size_t listed = 0;
  for (const auto& [refusal, count] : sightings.refused) {
    if (++listed > kMostListed) break;
    const std::string request = refusal.method.empty() ? "" : refusal.method + " ";
    const std::string by = refusal.rule.empty() ? "" : " by " + refusal.rule;
    out += fmt::format("#   {}x {} ({}{}{})\n", count, yaml_comment(request + refusal.target + refusal.path),
                       yaml_comment(refusal.reason), yaml_comment(by),
                       refusal.audited ? "; audit mode let it through" : "");
    const std::string candidate = candidate_of(refusal);
    if (!candidate.empty()) out += fmt::format("#     {}\n", yaml_comment(candidate));
  }
  if (listed > kMostListed) out += fmt::format("#   and {} more\n", sightings.refused.size() - kMostListed);
  return out;
}

std::string left_out_text(const LeftOut& left_out) {
  if (left_out.empty()) return "";
  std::string out = "# Allowed then, and not by the rules above: no rule of a policy says it.\n";
  std::size_t listed = 0;
  for (const auto& [what, count] : left_out) {
    if (++listed > kMostListed) break;
    out += fmt::format("#   {}x {}\n", count, yaml_comment(what));
  }
  if (listed > kMostListed) out += fmt::format("#   and {} more\n", left_out.size() - kMostListed);
  return out;
}

/// What might be said shorter, and by whom it has to be decided.
std::string hints_text(const Sightings& sightings) {
  std::map<std::string, std::set<std::string>> below;
  for (const auto& [target, seen] : sightings.places) {
    const std::string host = target.substr(0, target.find(':'));
    const auto dot = host.find('.');
    const auto name = HostName::parse(host);
    if (name && dot != std::string::npos) below[host.substr(dot + 1)].insert(host);
  }
  std::string out;
  for (const auto& [parent, names] : below) {
    const auto wildcard = policy::Target::parse("*." + parent, policy::PortDefault::kHttps);
    const bool narrow = wildcard && policy::breadth(*wildcard).kind == policy::Breadth::Kind::kNarrow;
    if (names.size() < kManyNames || !narrow) continue;
    out += fmt::format("# {} names stand below {}: '*.{}' would allow every other name there, too.\n", names.size(),
                       parent, parent);
  }
  const bool unseen = std::ranges::any_of(sightings.places, [](const auto& place) { return place.second.passed > 0; });
  if (unseen) {
    out +=
        "# Where TLS passed through, requests are seen from the day on which a rule asks about them. To learn them, "
        "add\n"
        "#   http: [{paths: [\"/**\"]}]\n"
        "# to the rule for that host, also in a policy in audit mode, and let the guest trust its CA.\n";
  }
  return out;
}

/// What the policy was made of, asked again: how often it does not allow something, and why.
LeftOut left_out_by(const policy::Snapshot& snapshot, const History& history, const Sightings& sightings,
                    WallClock::time_point now) {
  LeftOut left_out;
  for (const PastDecision& past : history.decisions()) {
    if (!is_ground(past)) continue;
    const auto again = replay(past, snapshot, now);
    if (again && again->fate == Fate::kAllow) continue;
    const std::string request = request_text(past);
    const auto known = sightings.wordless.find(request);
    const std::string why = known != sightings.wordless.end() ? known->second
                            : again                           ? again->why
                                                              : "nothing that a rule could name";
    left_out[fmt::format("{}: {}", request, why)] += past.count;
  }
  return left_out;
}

}  // namespace

Result<std::string> suggest_policy(const History& history, const SuggestionTitle& title, WallClock::time_point now) {
  const Sightings sightings = sightings_of(history);
  RuleText rules;
  for (const auto& [target, seen] : sightings.places) rules.add(target, seen);
  std::string text = title_text(history, title);
  if (!rules.text().empty()) text += "  allow:\n" + rules.text();

  const policy::SourceText source{.name = "suggested.yaml", .text = text};
  const policy::LoadOutcome outcome = policy::load({&source, 1}, 1);
  if (!outcome.snapshot) {
    std::string problems;
    for (const auto& diagnostic : outcome.diagnostics) problems += "\n" + diagnostic.to_string();
    return fail(Errc::kInvalid, "what would be suggested is not a policy:" + problems);
  }
  const LeftOut left_out = left_out_by(*outcome.snapshot, history, sightings, now);
  for (const std::string& part : {left_out_text(left_out), refused_text(sightings), hints_text(sightings)}) {
    if (!part.empty()) text += "\n" + part;
  }
  return text;
}

}  // namespace enforcer::ctl
