#include "policy/credential_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "policy/did_you_mean.h"
#include "policy/target_set.h"

namespace enforcer::policy {
namespace {

void report_unknown(const Rule& rule, const Credentials& credentials, Reader& reader) {
  std::vector<std::string_view> names;
  for (const CredentialSpec& credential : credentials) names.push_back(credential.name);
  std::string hint = did_you_mean(rule.credential, names);
  if (hint.empty()) hint = "load the file of the Credential together with this one";
  reader.report(rule.credential_place, Code::kNoSuchCredential,
                fmt::format("there is no Credential '{}'", rule.credential), std::move(hint));
}

/// Each target of the rule must be one that the credential could go to.
void check_binding(const Rule& rule, const CredentialSpec& credential, Reader& reader) {
  for (const Target& target : rule.to) {
    if (target.port == kHttpPort) {
      reader.report(target.place, Code::kClearCredential, fmt::format("'{}' is clear HTTP", target.text),
                    "a credential is added inside TLS only");
      continue;
    }
    const bool bound = std::ranges::any_of(credential.inject, [&](const CredentialSpec::Injection& injection) {
      return std::ranges::any_of(injection.to, [&](const Target& to) { return to.overlaps(target); });
    });
    if (bound) continue;
    reader.report(target.place, Code::kCredentialElsewhere,
                  fmt::format("'{}' is none of the places that Credential '{}' ({}:{}) may go to", target.text,
                              credential.name, credential.file, credential.place.line),
                  "the owner of the secret says in its 'inject' where it may go");
  }
}

/// A guest signs with its placeholder, so that there is always something of its own.
void check_signing(const Rule& rule, const CredentialSpec& credential, Reader& reader) {
  if (!rule.own_credentials_denied || !credential.signs()) return;
  reader.report(rule.credential_place, Code::kConflict,
                fmt::format("Credential '{}' signs what the guest has signed, and rule '{}' says 'foreignCredentials: "
                            "deny'",
                            credential.name, rule.info.rule),
                "leave out 'foreignCredentials': the guest's signature is replaced");
}

/// Allows of every request to the same place with different credentials: each such request would be denied.
void check_conflicts(const PolicyDocument& document, Reader& reader) {
  const auto adds = [](const Rule& rule) {
    return rule.list == RuleList::kAllow && !rule.credential.empty() && !rule.has_matchers() && !rule.expires &&
           rule.except.empty();
  };
  const TargetSet adding(document, adds);
  for (const TargetSet::Member& member : adding.members()) {
    for (const TargetSet::Member& other : adding.covering(*member.target)) {
      const bool later = std::pair(other.rule->place.line, other.rule->place.column) <
                         std::pair(member.rule->place.line, member.rule->place.column);
      const bool both = member.target->covers(*other.target);  // then it is reported once, at the later rule
      if (other.rule->credential == member.rule->credential || (both && !later)) continue;
      reader.report(member.rule->credential_place, Code::kCredentialConflict,
                    fmt::format("'{}' gets credential '{}' here and '{}' by rule '{}'", member.target->text,
                                member.rule->credential, other.rule->credential, other.rule->info.rule),
                    "a request takes one credential");
    }
  }
}

void lint_limits(const Rule& rule, Reader& reader) {
  if (rule.list != RuleList::kAllow || rule.has_matchers()) return;
  reader.report(
      rule.credential_place, Code::kUnlimitedCredential,
      fmt::format("rule '{}' adds credential '{}' to every request to its hosts", rule.info.rule, rule.credential),
      "limit it with http, git or aws");
}

}  // namespace

void check_credentials(const PolicyDocument& document, const Credentials& credentials, Completeness completeness,
                       Reader& reader) {
  for (const Rule& rule : document.rules) {
    if (rule.credential.empty()) continue;
    lint_limits(rule, reader);
    if (const CredentialSpec* credential = find_credential(credentials, rule.credential)) {
      check_binding(rule, *credential, reader);
      check_signing(rule, *credential, reader);
    } else if (completeness == Completeness::kWhole) {
      report_unknown(rule, credentials, reader);
    }
  }
  check_conflicts(document, reader);
}

}  // namespace enforcer::policy
