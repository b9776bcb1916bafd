// The naive reference's policies as the files that the loader reads.
#include <fmt/format.h>

#include "fixture.h"
#include "naive.h"
#include "naive_request.h"

namespace enforcer::policy::test {

using naive::naive_matcher_yaml;

namespace {

std::string targets_to_yaml(const std::vector<NaiveTarget>& targets) {
  std::string text;
  for (const NaiveTarget& target : targets) {
    text +=
        fmt::format("{}'{}{}{}'", text.empty() ? "" : ", ", target.where, target.port.empty() ? "" : ":", target.port);
  }
  return text;
}

}  // namespace

std::string naive_credentials() {
  std::string text;
  for (const char* name : {"bot", "other"}) {
    std::string to;
    for (const char* pattern : kNaiveBound)
      to += fmt::format("'{}{}', ", pattern, std::string_view(name) == "bot" ? ":*" : "");
    text += credential(name, to) + "---\n";
  }
  return text;
}

std::string to_yaml(const NaivePolicy& policy) {
  std::string text = fmt::format("apiVersion: enforcer.dev/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n",
                                 policy.guardrail ? "Guardrail" : "Policy", policy.name);
  if (!policy.guardrail) text += "  guests: {matchLabels: {role: agent}}\n";
  if (policy.audit) text += "  mode: audit\n";
  for (const char* list : {"allow", "review", "deny", "ceiling"}) {
    if (std::string_view(list) == "allow" && policy.guardrail) continue;
    if (std::string_view(list) == "ceiling" && !policy.has_ceiling) continue;
    std::string rules;
    for (const NaiveRule& rule : policy.rules) {
      if (rule.list != list) continue;
      rules += fmt::format("    - {{name: {}, to: [{}]", rule.name, targets_to_yaml(rule.to));
      if (!rule.except.empty()) rules += fmt::format(", except: [{}]", targets_to_yaml(rule.except));
      if (rule.list == "allow") rules += ", broad: true";
      if (rule.approvals > 1) rules += fmt::format(", approvals: {}", rule.approvals);
      if (rule.tcp) rules += ", protocol: tcp";
      if (rule.never) rules += ", inspect: never";
      if (!rule.matcher.empty()) rules += ", " + naive_matcher_yaml(rule.matcher);
      if (rule.websocket) rules += ", websocket: true";
      if (rule.private_destination) rules += ", private: true";
      if (!rule.credential.empty()) rules += ", credential: " + rule.credential;
      if (rule.mints) rules += ", mintTokens: true";
      if (rule.cookies) rules += ", setCookie: true";
      if (rule.foreign) rules += ", foreignCredentials: deny";
      if (rule.expires == "past") rules += ", expires: 2020-01-01T00:00:00Z";
      if (rule.expires == "future") rules += ", expires: 2100-01-01T00:00:00Z";
      rules += "}\n";
    }
    text += fmt::format("  {}:{}", list, rules.empty() ? " []\n" : "\n" + rules);
  }
  return text;
}

}  // namespace enforcer::policy::test
