#include "policy/document_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "policy/credential_reader.h"
#include "policy/did_you_mean.h"
#include "policy/rule_reader.h"
#include "policy/test_reader.h"

namespace enforcer::policy {
namespace {

constexpr std::uint64_t kMostOfALimit = 1'000'000'000;

struct Envelope {
  PolicyDocument document;
  const YamlNode* kind = nullptr;
  const YamlNode* spec = nullptr;
};

void read_api_version(const YamlNode& node, Envelope&, Reader& reader) {
  static constexpr std::string_view kVersions[] = {"enforcer.dev/v1"};
  (void)read_choice(node, kVersions, reader);
}

void read_labels(const YamlNode& node, std::string_view what, Labels& into, Reader& reader) {
  if (!expect_map(node, what, reader)) return;
  for (const YamlMember& member : node.members) {
    const auto value = read_text(member.value, "a label's value", reader);
    if (value) into.emplace(member.key, *value);
  }
}

constexpr Field<PolicyDocument> kMetadataFields[] = {
    {"name", Need::kRequired, "name",
     [](const YamlNode& n, PolicyDocument& d, Reader& r) { d.name = read_name(n, "an object", r).value_or(""); }},
    {"labels", Need::kOptional, "mapping of text to text",
     [](const YamlNode& n, PolicyDocument&, Reader& r) {
       Labels labels;
       read_labels(n, "labels", labels, r);
     }},
};

constexpr Field<Envelope> kEnvelopeFields[] = {
    {"apiVersion", Need::kRequired, "enforcer.dev/v1", read_api_version},
    {"kind", Need::kRequired, "Policy, Guardrail or Credential",
     [](const YamlNode& n, Envelope& e, Reader&) { e.kind = &n; }},
    {"metadata", Need::kRequired, "mapping with a name",
     [](const YamlNode& n, Envelope& e, Reader& r) {
       read_object<PolicyDocument>(n, "metadata", kMetadataFields, e.document, r);
     }},
    {"spec", Need::kRequired, "mapping", [](const YamlNode& n, Envelope& e, Reader&) { e.spec = &n; }},
};

enum class Kind { kPolicy, kGuardrail, kCredential };

/// None when the kind is none that we read.
std::optional<Kind> read_kind(const YamlNode& node, Reader& reader) {
  static constexpr std::string_view kKnown[] = {"Policy", "Guardrail", "Credential", "Preset", "PolicyTest"};
  static constexpr Kind kKinds[] = {Kind::kPolicy, Kind::kGuardrail, Kind::kCredential};
  const auto text = read_text(node, "kind", reader);
  if (!text) return std::nullopt;
  const auto known = static_cast<std::size_t>(std::ranges::find(kKnown, *text) - std::begin(kKnown));
  if (known < std::size(kKinds)) return kKinds[known];
  if (std::ranges::find(kKnown, *text) != std::end(kKnown)) {
    reader.report(node.place, Code::kBadKind, fmt::format("kind '{}' is not supported in this version", *text),
                  "Policy, Guardrail and Credential are");
  } else {
    reader.report(node.place, Code::kBadKind, fmt::format("there is no kind '{}'", escape_untrusted(*text, 64)),
                  did_you_mean(*text, kKnown));
  }
  return std::nullopt;
}

constexpr Field<GuestSelector> kSelectorFields[] = {
    {"names", Need::kOptional, "list of guests' names",
     [](const YamlNode& n, GuestSelector& s, Reader& r) {
       for (const YamlNode& item : some_items(n, "names", r)) {
         const auto text = read_text(item, "a guest's name", r);
         if (!text) continue;
         const auto name = GuestName::parse(*text);
         if (!name)
           r.report(item.place, Code::kBadName,
                    fmt::format("'{}': {}", escape_untrusted(*text, 64), name.error().message));
         s.names.emplace_back(*text);
       }
       std::ranges::sort(s.names);
     }},
    {"matchLabels", Need::kOptional, "mapping of label to value",
     [](const YamlNode& n, GuestSelector& s, Reader& r) {
       read_labels(n, "matchLabels", s.match_labels, r);
       if (n.kind == YamlNode::Kind::kMap && n.members.empty())
         r.report(n.place, Code::kEmpty, "matchLabels must not be empty");
     }},
};

void read_selector(const YamlNode& node, PolicyDocument& document, Reader& reader) {
  read_object<GuestSelector>(node, "guests", kSelectorFields, document.guests, reader);
  if (!document.guests.names.empty() && !document.guests.match_labels.empty()) {
    reader.report(node.place, Code::kConflict, "guests are selected by names or by matchLabels, not by both");
  }
}

/// The shape is the language's; the presets themselves are not there yet, and an include that is ignored would be an
/// allow-list that says less than its author thinks.
void read_include(const YamlNode& node, PolicyDocument&, Reader& reader) {
  for (const YamlNode& item : list_items(node, "include", reader)) {
    const YamlNode* name = &item;
    if (item.kind == YamlNode::Kind::kMap) {
      const auto member = std::ranges::find(item.members, "preset", &YamlMember::key);
      if (member == item.members.end()) {
        report_missing_key(item.place, "preset", "name of a preset", "include", reader);
        continue;
      }
      name = &member->value;
    }
    const auto text = read_text(*name, "an include", reader);
    if (!text) continue;
    reader.report(name->place, Code::kNoSuchPreset, fmt::format("there is no preset '{}'", escape_untrusted(*text, 64)),
                  "presets are not supported in this version: write the rules here");
  }
}

template <RuleList list>
void read_list(const YamlNode& node, PolicyDocument& document, Reader& reader) {
  read_rules(node, list, document, reader);
}

constexpr Field<PolicyDocument> kPolicyFields[] = {
    {"guests", Need::kOptional, "names or matchLabels", read_selector},
    {"mode", Need::kOptional, "enforce or audit",
     [](const YamlNode& n, PolicyDocument& d, Reader& r) {
       static constexpr std::string_view kModes[] = {"enforce", "audit"};
       d.audit = read_choice(n, kModes, r) == 1;
     }},
    {"include", Need::kOptional, "list of presets", read_include},
    {"allow", Need::kOptional, "list of rules", read_list<RuleList::kAllow>},
    {"review", Need::kOptional, "list of rules", read_list<RuleList::kReview>},
    {"deny", Need::kOptional, "list of rules", read_list<RuleList::kDeny>},
    {"limits", Need::kOptional, "mapping",
     [](const YamlNode& n, PolicyDocument& d, Reader& r) { read_limits(n, d.limits, r); }},
    {"tests", Need::kOptional, "list of tests", read_tests},
};

constexpr Field<PolicyDocument> kGuardrailFields[] = {
    {"deny", Need::kOptional, "list of rules", read_list<RuleList::kDeny>},
    {"review", Need::kOptional, "list of rules", read_list<RuleList::kReview>},
    {"ceiling", Need::kOptional, "list of rules",
     [](const YamlNode& n, PolicyDocument& d, Reader& r) {
       d.ceiling = RuleInfo{.policy = d.name,
                            .rule = "ceiling",
                            .place = fmt::format("{}:{}", d.file, n.place.line),
                            .action = Action::kDeny,
                            .note = "more than the guardrail's ceiling allows",
                            .private_destination = false,
                            .guardrail = true};
       read_list<RuleList::kCeiling>(n, d, r);
     }},
};

template <std::optional<std::uint64_t> LimitOverrides::* member>
void read_count(const YamlNode& node, LimitOverrides& limits, Reader& reader) {
  limits.*member = read_number(node, 1, kMostOfALimit, reader);
}

constexpr Field<LimitOverrides> kLimitFields[] = {
    {"connections", Need::kOptional, "number", read_count<&LimitOverrides::connections>},
    {"halfOpen", Need::kOptional, "number", read_count<&LimitOverrides::half_open>},
    {"requestsPerMinute", Need::kOptional, "number", read_count<&LimitOverrides::requests_per_minute>},
    {"decisionsPerMinute", Need::kOptional, "number", read_count<&LimitOverrides::decisions_per_minute>},
    {"distinctNamesPerHour", Need::kOptional, "number", read_count<&LimitOverrides::distinct_names_per_hour>},
    {"uploadBytesPerHour", Need::kOptional, "size",
     [](const YamlNode& n, LimitOverrides& limits, Reader& r) { limits.upload_bytes_per_hour = read_size(n, r); }},
    {"dnsPerSecond", Need::kOptional, "number", read_count<&LimitOverrides::dns_per_second>},
};

void check_rule_names(const PolicyDocument& document, Reader& reader) {
  std::map<std::string_view, const Rule*> seen;
  std::vector<const Rule*> rules;
  for (const Rule& rule : document.rules) rules.push_back(&rule);
  std::ranges::sort(rules, {}, [](const Rule* rule) { return std::pair(rule->place.line, rule->place.column); });
  for (const Rule* rule : rules) {
    if (rule->info.rule.empty()) continue;
    const auto [first, is_new] = seen.emplace(rule->info.rule, rule);
    if (is_new) continue;
    reader.report(rule->place, Code::kTakenName,
                  fmt::format("rule '{}' stands in line {} already", rule->info.rule, first->second->place.line));
  }
}

void read_policy(const YamlNode& spec, PolicyDocument& document, Reader& reader) {
  const std::span<const Field<PolicyDocument>> fields = document.guardrail()
                                                            ? std::span<const Field<PolicyDocument>>(kGuardrailFields)
                                                            : std::span<const Field<PolicyDocument>>(kPolicyFields);
  read_object<PolicyDocument>(spec, document.guardrail() ? "guardrail" : "policy", fields, document, reader);
  check_rule_names(document, reader);
  if (!document.guardrail() && document.guests.empty()) {
    reader.report(document.place, Code::kSelectsNothing, fmt::format("policy '{}' selects no guest", document.name),
                  "name them: guests: {matchLabels: {role: …}}");
  }
}

}  // namespace

void read_limits(const YamlNode& node, LimitOverrides& limits, Reader& reader) {
  read_object<LimitOverrides>(node, "limits", kLimitFields, limits, reader);
}

std::optional<ReadObject> read_document(const YamlNode& node, SourceOrigin origin, Reader& reader) {
  Envelope envelope;
  PolicyDocument& document = envelope.document;
  document.file = reader.file();
  document.place = node.place;
  read_object<Envelope>(node, "document", kEnvelopeFields, envelope, reader);
  const std::optional<Kind> kind = envelope.kind ? read_kind(*envelope.kind, reader) : std::nullopt;
  if (!kind || !envelope.spec) return std::nullopt;
  if (*kind == Kind::kCredential) {
    CredentialSpec credential{.name = document.name, .file = document.file, .place = document.place};
    read_credential(*envelope.spec, origin, credential, reader);
    return credential;
  }
  document.kind = *kind == Kind::kPolicy ? PolicyDocument::Kind::kPolicy : PolicyDocument::Kind::kGuardrail;
  read_policy(*envelope.spec, document, reader);
  return std::move(document);
}

}  // namespace enforcer::policy
