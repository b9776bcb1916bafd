#include "enforcerctl/policy_draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "enforcerctl/yaml_text.h"
#include "policy/loader.h"

namespace enforcer::ctl {
namespace {

/// What a guest may use up at most, whatever the configuration says; a first policy is for few agents.
constexpr std::string_view kDraftLimits =
    "  limits: {connections: 256, distinctNamesPerHour: 200, uploadBytesPerHour: 2Gi}\n";

struct FilledPart {
  const DraftPart* part;
  PresetRules rules;
};

std::string part_comment(const DraftPart& part) {
  std::string out = fmt::format("    # {}: {}\n", part.preset.name, yaml_comment(part.preset.summary));
  for (const std::string& ground : part.grounds) out += fmt::format("    #   {}\n", comment_line(ground));
  return out + preset_comment(part.preset, "    #   ");
}

/// One list of all parts; each part is introduced in the first list that it is in.
std::string list_text(std::string_view key, std::vector<std::string> PresetRules::* list,
                      const std::vector<FilledPart>& parts, std::set<std::string>& introduced) {
  std::string out;
  for (const FilledPart& filled : parts) {
    if ((filled.rules.*list).empty()) continue;
    if (introduced.insert(filled.part->preset.name).second) out += part_comment(*filled.part);
    for (const std::string& rule : filled.rules.*list) out += list_entry(rule);
  }
  return out.empty() ? "" : fmt::format("  {}:\n{}", key, out);
}

std::string tests_text(const std::vector<FilledPart>& parts) {
  // A name that nobody can register (RFC 6761 6.4), so no rule is about it.
  std::string out = "  tests:\n    - {connect: \"elsewhere.invalid:443\", expect: deny}\n";
  for (const FilledPart& filled : parts) {
    for (const std::string& test : filled.rules.tests) out += list_entry(test);
  }
  return out;
}

std::string gap_text(const DraftGap& gap) {
  std::string settings;
  for (const PresetParameter& parameter : gap.preset.parameters) {
    if (parameter.usual.empty()) settings += fmt::format("{}{}=...", settings.empty() ? "" : ";", parameter.name);
  }
  std::string out = fmt::format("#   {}: {}{}\n", gap.preset.name, yaml_comment(gap.preset.summary),
                                gap.why.empty() ? "" : fmt::format(" ({})", yaml_comment(gap.why)));
  const std::string set = settings.empty() ? "" : fmt::format(" --set '{}'", settings);
  return out + fmt::format("#     enforcerctl preset show {}{}\n", gap.preset.name, set);
}

std::string head_text(const PolicyDraft& draft) {
  std::string labels;
  for (const auto& [key, value] : draft.labels)
    labels += fmt::format("{}{}: {}", labels.empty() ? "" : ", ", yaml_quoted(key), yaml_quoted(value));
  std::string out = "# yaml-language-server: $schema=file:///usr/share/enforcer/schema/v1/policy.json\n";
  for (const std::string& line : draft.title) out += fmt::format("# {}\n", line);
  return out + fmt::format(
                   "apiVersion: enforcer.dev/v1\n"
                   "kind: Policy\n"
                   "metadata: {{name: {}}}\n"
                   "spec:\n"
                   "  guests: {{matchLabels: {{{}}}}}\n",
                   yaml_quoted(draft.name), labels);
}

/// Before anybody sees it: it loads, and its tests pass.
Result<> prove(const std::string& text) {
  const std::array<policy::SourceText, 1> sources{{{.name = "policy", .text = text}}};
  const policy::LoadOutcome outcome = policy::load(sources, 1);
  if (outcome.snapshot) return {};
  std::string problems = "with these values the policy does not load";
  for (const auto& problem : outcome.diagnostics) {
    if (problem.severity == policy::Severity::kError) problems += "\n" + problem.to_string();
  }
  return fail(Errc::kInvalid, problems);
}

}  // namespace

std::string preset_comment(const Preset& preset, std::string_view indent) {
  std::string out;
  for (const std::string& line : preset.exposes) out += fmt::format("{}exposes: {}\n", indent, comment_line(line));
  for (const std::string& line : preset.notes) out += fmt::format("{}note: {}\n", indent, comment_line(line));
  return out;
}

Result<std::string> draft_text(const PolicyDraft& draft) {
  std::vector<FilledPart> parts;
  for (const DraftPart& part : draft.parts) parts.push_back({&part, TRY(rules_of(part.preset, part.values))});
  std::string out = head_text(draft);
  std::set<std::string> introduced;
  const std::string allow = list_text("allow", &PresetRules::allow, parts, introduced);
  out += allow.empty() ? "  allow: []\n" : allow;
  out += list_text("review", &PresetRules::review, parts, introduced);
  out += list_text("deny", &PresetRules::deny, parts, introduced);
  out += kDraftLimits;
  out += tests_text(parts);
  if (!draft.gaps.empty()) out += "\n# Not opened. What these commands print goes into the lists above:\n";
  for (const DraftGap& gap : draft.gaps) out += gap_text(gap);
  TRY_VOID(prove(out));
  return out;
}

}  // namespace enforcer::ctl
