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

// Values of more than one table.
constexpr Shape kLabels = shape::mapping(shape::kAnyScalar, "mapping of text to text");

struct Envelope {
  PolicyDocument document;
  const YamlNode* kind = nullptr;
  const YamlNode* spec = nullptr;
};

constexpr std::string_view kVersions[] = {"enforcer.dev/v1"};

void read_api_version(const YamlNode& node, Envelope&, Reader& reader) {
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
    {"name", Need::kRequired, shape::name(), "What records, metrics and other objects call it. Unique in its kind.",
     [](const YamlNode& n, PolicyDocument& d, Reader& r) { d.name = read_name(n, "an object", r).value_or(""); }},
    {"labels", Need::kOptional, kLabels, "For people and their tools; nothing is decided by them.",
     [](const YamlNode& n, PolicyDocument&, Reader& r) {
       Labels labels;
       read_labels(n, "labels", labels, r);
     }},
};

enum class Kind { kPolicy, kGuardrail, kCredential };

// In the order of Kind.
constexpr std::string_view kKinds[] = {"Policy", "Guardrail", "Credential"};

constexpr Field<Envelope> kEnvelopeFields[] = {
    {"apiVersion", Need::kRequired, shape::choice(kVersions), "The version of the language.", read_api_version},
    {"kind", Need::kRequired, shape::choice(kKinds),
     "`Policy`: where some guests may go. `Guardrail`: what holds for every guest, whatever policies say. "
     "`Credential`: a secret that is put into requests, and where it may go.",
     [](const YamlNode& n, Envelope& e, Reader&) { e.kind = &n; }},
    {"metadata", Need::kRequired, shape::object(fields_of<kMetadataFields>, "mapping with a name"),
     "The name of the object.",
     [](const YamlNode& n, Envelope& e, Reader& r) {
       read_object<PolicyDocument>(n, "metadata", kMetadataFields, e.document, r);
     }},
    {"spec", Need::kRequired, shape::object(nullptr), "What the object says; depends on its kind.",
     [](const YamlNode& n, Envelope& e, Reader&) { e.spec = &n; }},
};

/// None when the kind is none that we read.
std::optional<Kind> read_kind(const YamlNode& node, Reader& reader) {
  static constexpr std::string_view kKnown[] = {"Policy", "Guardrail", "Credential", "Preset", "PolicyTest"};
  static_assert(std::ranges::equal(kKinds, std::span(kKnown).first(std::size(kKinds))));
  const auto text = read_text(node, "kind", reader);
  if (!text) return std::nullopt;
  const auto known = static_cast<std::size_t>(std::ranges::find(kKnown, *text) - std::begin(kKnown));
  if (known < std::size(kKinds)) return static_cast<Kind>(known);
  if (std::ranges::find(kKnown, *text) != std::end(kKnown)) {
    reader.report(node.place, Code::kBadKind, fmt::format("kind '{}' is not supported in this version", *text),
                  "Policy, Guardrail and Credential are");
  } else {
    reader.report(node.place, Code::kBadKind, fmt::format("there is no kind '{}'", escape_untrusted(*text, 64)),
                  did_you_mean(*text, kKnown));
  }
  return std::nullopt;
}

constexpr Shape kGuestName = shape::text("name of a guest").like("agent-1");

constexpr Field<GuestSelector> kSelectorFields[] = {
    {"names", Need::kOptional, shape::some(kGuestName, "list of guests' names"), "These guests, by their names.",
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
    {"matchLabels", Need::kOptional, shape::some_mapping(shape::kAnyScalar, "mapping of label to value"),
     "Guests that have all of these labels.",
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

/// The shape is the language's. The loader knows no presets: the tool writes their rules into a policy, where people
/// read them. An include that is ignored would be an allow-list that says less than its author thinks.
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
                  "this version includes none: 'enforcerctl preset show' prints rules to be written here");
  }
}

template <RuleList list>
void read_list(const YamlNode& node, PolicyDocument& document, Reader& reader) {
  read_rules(node, list, document, reader);
}

constexpr std::string_view kModes[] = {"enforce", "audit"};
constexpr Shape kPresetName = shape::text("name of a preset");
constexpr Shape kPresetEntry = shape::either(kPresetName, shape::kAnyMapping, "preset");
constexpr Shape kTest = shape::object(test_fields, "test", "test");
constexpr Shape kAllowRule = shape::object(rule_fields<RuleList::kAllow>, "rule", "allow");
constexpr Shape kReviewRule = shape::object(rule_fields<RuleList::kReview>, "rule", "review");
constexpr Shape kDenyRule = shape::object(rule_fields<RuleList::kDeny>, "rule", "deny");
constexpr Shape kCeilingRule = shape::object(rule_fields<RuleList::kCeiling>, "rule", "ceiling");
constexpr std::string_view kAboutDeny = "What guests may not do, whatever allows it.";
constexpr std::string_view kAboutReview = "Requests that are held until people decide, unless a deny matches.";

constexpr Shape kLimit = shape::number(1, kMostOfALimit);

template <std::optional<std::uint64_t> LimitOverrides::* member>
void read_count(const YamlNode& node, LimitOverrides& limits, Reader& reader) {
  limits.*member = read_number(node, 1, kMostOfALimit, reader);
}

constexpr Field<LimitOverrides> kLimitFields[] = {
    {"connections", Need::kOptional, kLimit, "Connections at the same time.", read_count<&LimitOverrides::connections>},
    {"halfOpen", Need::kOptional, kLimit, "Connections that have not said yet what they want.",
     read_count<&LimitOverrides::half_open>},
    {"requestsPerMinute", Need::kOptional, kLimit, "Requests over HTTP that are looked into.",
     read_count<&LimitOverrides::requests_per_minute>},
    {"decisionsPerMinute", Need::kOptional, kLimit, "Decisions of any kind: connections, names, requests.",
     read_count<&LimitOverrides::decisions_per_minute>},
    {"distinctNamesPerHour", Need::kOptional, kLimit, "New names below each suffix that only a wildcard allows.",
     read_count<&LimitOverrides::distinct_names_per_hour>},
    {"uploadBytesPerHour", Need::kOptional, shape::size(), "Octets that a guest sends to all its origins.",
     [](const YamlNode& n, LimitOverrides& limits, Reader& r) { limits.upload_bytes_per_hour = read_size(n, r); }},
    {"dnsPerSecond", Need::kOptional, kLimit, "DNS queries.", read_count<&LimitOverrides::dns_per_second>},
};

constexpr Field<PolicyDocument> kPolicyFields[] = {
    {"guests", Need::kOptional, shape::object(fields_of<kSelectorFields>, "names or matchLabels"),
     "The guests that it is for, by `names` or by `matchLabels`. Left out, it selects nobody.", read_selector},
    {"mode", Need::kOptional, shape::choice(kModes),
     "`audit` records what would be decided and blocks nothing but what a guardrail denies or reviews, what is "
     "malformed or beyond a limit, and what leads to private space. Default `enforce`.",
     [](const YamlNode& n, PolicyDocument& d, Reader& r) { d.audit = read_choice(n, kModes, r) == 1; }},
    {"include", Need::kOptional, shape::list(kPresetEntry, "list of presets"),
     "Presets, which this version does not include; the tool prints their rules (enforcerctl preset show).",
     read_include},
    {"allow", Need::kOptional, shape::list(kAllowRule, "list of rules"),
     "What the guests may do. What nothing allows is denied.", read_list<RuleList::kAllow>},
    {"review", Need::kOptional, shape::list(kReviewRule, "list of rules"), kAboutReview, read_list<RuleList::kReview>},
    {"deny", Need::kOptional, shape::list(kDenyRule, "list of rules"), kAboutDeny, read_list<RuleList::kDeny>},
    {"limits", Need::kOptional, shape::object(fields_of<kLimitFields>),
     "Lower limits than the configuration's, for each guest. Several policies: the smallest holds.",
     [](const YamlNode& n, PolicyDocument& d, Reader& r) { read_limits(n, d.limits, r); }},
    {"tests", Need::kOptional, shape::list(kTest, "list of tests"),
     "What its author promises. They are asked at each load, and one that fails keeps the whole generation out.",
     read_tests},
};

constexpr Field<PolicyDocument> kGuardrailFields[] = {
    {"deny", Need::kOptional, shape::list(kDenyRule, "list of rules"), kAboutDeny, read_list<RuleList::kDeny>},
    {"review", Need::kOptional, shape::list(kReviewRule, "list of rules"), kAboutReview, read_list<RuleList::kReview>},
    {"ceiling", Need::kOptional, shape::list(kCeilingRule, "list of rules"),
     "What policies may allow at most: what none of these matches is denied.",
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
                  "name them: guests: {matchLabels: {role: ...}}");
  }
}

}  // namespace

void read_limits(const YamlNode& node, LimitOverrides& limits, Reader& reader) {
  read_object<LimitOverrides>(node, "limits", kLimitFields, limits, reader);
}

std::vector<FieldShape> envelope_fields() {
  return fields_of<kEnvelopeFields>();
}

const std::vector<KindShape>& kind_shapes() {
  static const std::vector<KindShape> shapes{
      {kKinds[0], "Where some guests may go.", fields_of<kPolicyFields>},
      {kKinds[1], "What holds for every guest, whatever policies say.", fields_of<kGuardrailFields>},
      {kKinds[2], "A secret that is put into requests, and where it may go.", credential_fields},
  };
  return shapes;
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
