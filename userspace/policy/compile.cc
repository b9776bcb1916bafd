#include "policy/compile.h"

#include <algorithm>
#include <tuple>

namespace enforcer::policy {
namespace {

void lower(std::optional<std::uint64_t>& limit, const std::optional<std::uint64_t>& other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

void lower_all(LimitOverrides& limits, const LimitOverrides& other) {
  lower(limits.connections, other.connections);
  lower(limits.half_open, other.half_open);
  lower(limits.requests_per_minute, other.requests_per_minute);
  lower(limits.decisions_per_minute, other.decisions_per_minute);
  lower(limits.distinct_names_per_hour, other.distinct_names_per_hour);
  lower(limits.upload_bytes_per_hour, other.upload_bytes_per_hour);
  lower(limits.dns_per_second, other.dns_per_second);
}

void index(CompiledPolicy& compiled, const std::vector<Target>& targets, TargetEntry entry) {
  for (const Target& target : targets) {
    entry.port = target.port.value_or(Port{0});
    if (target.host()) {
      compiled.hosts.add(*target.host(), entry);
    } else {
      compiled.addresses.add(*target.block(), entry);
    }
  }
}

/// The policy that the implicit rule of audit mode is named after: the lexically first.
void name_audit_rule(CompiledPolicy& compiled) {
  for (const auto& document : compiled.documents) {
    if (document->guardrail()) continue;
    compiled.audit_rule.policy = document->name;
    compiled.audit_rule.place = document->file + ":" + std::to_string(document->place.line);
    break;
  }
  compiled.audit_rule.rule = "audit-mode";
  compiled.audit_rule.action = Action::kAllow;
}

}  // namespace

std::unique_ptr<const CompiledPolicy> compile(std::vector<std::shared_ptr<const PolicyDocument>> documents,
                                              std::shared_ptr<const Credentials> credentials,
                                              std::uint64_t generation) {
  auto compiled = std::make_unique<CompiledPolicy>();
  compiled->generation = generation;
  std::ranges::sort(documents, {}, [](const auto& document) { return std::tie(document->name, document->kind); });
  compiled->documents = std::move(documents);
  compiled->credentials = std::move(credentials);
  compiled->audit = true;
  for (const auto& document : compiled->documents) {
    const auto ceiling = static_cast<std::uint32_t>(compiled->ceilings.size());
    if (document->ceiling) compiled->ceilings.push_back(&*document->ceiling);
    for (const Rule& rule : document->rules) {
      const CredentialSpec* credential = find_credential(*compiled->credentials, rule.credential);
      ENFORCER_CHECK(rule.credential.empty() || credential != nullptr);  // the loader has looked
      compiled->rules.push_back({&rule, !rule.except.empty(), credential, ceiling});
      compiled->any_git = compiled->any_git || rule.matcher.git.has_value();
      compiled->any_aws =
          compiled->any_aws || rule.matcher.aws.has_value() || (credential != nullptr && credential->signs());
    }
    if (document->guardrail()) continue;
    compiled->selected = true;
    compiled->audit = compiled->audit && document->audit;
    lower_all(compiled->limits, document->limits);
  }
  compiled->audit = compiled->audit && compiled->selected;

  std::ranges::sort(compiled->rules, {}, [](const CompiledRule& entry) {
    const RuleInfo& info = entry.rule->info;
    return std::tie(info.policy, info.rule, info.guardrail);
  });
  for (std::uint32_t i = 0; i < compiled->rules.size(); ++i) {
    const Rule& rule = *compiled->rules[i].rule;
    compiled->rule_infos.push_back(&rule.info);
    index(*compiled, rule.to, {.rule = i, .port = {}, .except = false});
    index(*compiled, rule.except, {.rule = i, .port = {}, .except = true});
  }
  compiled->hosts.seal();
  compiled->addresses.seal();
  name_audit_rule(*compiled);
  return compiled;
}

}  // namespace enforcer::policy
