#include "policy/rule_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "policy/address_guard.h"
#include "policy/matcher_reader.h"

namespace enforcer::policy {
namespace {

// Names that records and metrics use themselves.
constexpr std::string_view kReservedNames[] = {"audit-mode", "ceiling", "other"};
constexpr std::size_t kLongestReason = 500;
// The keys for which requests must be seen.
constexpr std::string_view kSeeing = "http, git, aws, graphql, mcp, websocket, credential and foreignCredentials";

void read_rule_name(const YamlNode& node, Rule& rule, Reader& reader) {
  auto name = read_name(node, "a rule", reader);
  if (!name) return;
  if (std::ranges::find(kReservedNames, *name) != std::end(kReservedNames)) {
    reader.report(node.place, Code::kBadName, fmt::format("'{}' is a reserved name", *name));
  }
  rule.info.rule = *std::move(name);
}

void read_reason(const YamlNode& node, Rule& rule, Reader& reader) {
  const auto text = read_text(node, "reason", reader);
  if (!text) return;
  if (text->size() > kLongestReason) {
    reader.report(node.place, Code::kBadValue, fmt::format("a reason has at most {} octets", kLongestReason));
  }
  rule.info.note = *text;
}

// Ports are read as "every" here; read_rules() reads `to` itself, because what a missing port means depends on the
// list.
constexpr Field<Rule> kCommonFields[] = {
    {"name", Need::kRequired, shape::name(), "What records and metrics call it. Unique in its policy.", read_rule_name},
    {"to", Need::kRequired, shape::some(kTargetShape, "list of hosts and address blocks"),
     "Whom it matches: `a.example`, `*.a.example` (one label more), `**.a.example` (one or more), `10.0.0.0/8:5432`. "
     "Without a port an `allow` means 443, the other lists mean every port; `:*` is every port.",
     [](const YamlNode&, Rule&, Reader&) {}},
    {"except", Need::kOptional, shape::some(kTargetShape, "list of hosts and address blocks"),
     "Whom it does not match, though `to` would. Without a port: every port.",
     [](const YamlNode& n, Rule& rule, Reader& r) { read_targets(n, "except", PortDefault::kEvery, rule.except, r); }},
    {"expires", Need::kOptional, shape::time(), "From then on the rule matches nothing.",
     [](const YamlNode& n, Rule& rule, Reader& r) { rule.expires = read_time(n, r); }},
    {"reason", Need::kOptional, shape::text("text for people"), "For the person who reads the record of a denial.",
     read_reason},
};

constexpr std::string_view kProtocols[] = {"tcp"};
constexpr std::string_view kInspectWhen[] = {"never"};

constexpr Field<Rule> kConnectionFields[] = {
    {"protocol", Need::kOptional, shape::choice(kProtocols),
     "`tcp`: relayed without a look. Not on a host and port that has other rules.",
     [](const YamlNode& n, Rule& rule, Reader& r) { rule.opaque = read_choice(n, kProtocols, r).has_value(); }},
    {"private", Need::kOptional, shape::truth(),
     "May lead to addresses that are not globally routable; to cloud metadata never.",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       rule.info.private_destination = read_truth(n, r).value_or(false);
     }},
    {"inspect", Need::kOptional, shape::choice(kInspectWhen), "`never`: not looked into, whatever else matches.",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       rule.never_inspect = read_choice(n, kInspectWhen, r).has_value();
     }},
    {"websocket", Need::kOptional, shape::truth(),
     "A request that it matches may become a WebSocket; what flows then is counted and not looked into.",
     [](const YamlNode& n, Rule& rule, Reader& r) { rule.websocket = read_truth(n, r).value_or(false); }},
    {"credential", Need::kOptional, shape::name("name of a credential"),
     "The Credential whose secret is put into the requests. Never over clear HTTP.",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       rule.credential = read_name(n, "a credential", r).value_or("");
       rule.credential_place = n.place;
     }},
    {"setCookie", Need::kOptional, shape::truth(),
     "Beside `credential`: answers keep `Set-Cookie`, which otherwise would hand the guest a session of its own.",
     [](const YamlNode& n, Rule& rule, Reader& r) { rule.set_cookie = read_truth(n, r).value_or(false); }},
    {"mintTokens", Need::kOptional, shape::truth(),
     "Beside `credential`: requests to endpoints that make tokens or keys go through.",
     [](const YamlNode& n, Rule& rule, Reader& r) { rule.mint_tokens = read_truth(n, r).value_or(false); }},
};

constexpr std::string_view kForeign[] = {"deny"};

constexpr Field<Rule> kAllowFields[] = {
    {"foreignCredentials", Need::kOptional, shape::choice(kForeign),
     "`deny`: not a request that brings a credential of its own, in a header, a cookie or the query.",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       rule.own_credentials_denied = read_choice(n, kForeign, r).has_value();
     }},
    {"broad", Need::kOptional, shape::truth(),
     "The wildcard is as wide as it looks: a top-level domain, a public suffix, or a block wider than /8 (IPv6: /16).",
     [](const YamlNode& n, Rule& rule, Reader& r) { rule.broad = read_truth(n, r).value_or(false); }},
};

constexpr std::uint64_t kMostApprovals = 10;
constexpr std::string_view kOnHold[] = {"pause"};

constexpr Field<Rule> kReviewFields[] = {
    {"timeout", Need::kOptional, shape::duration(), "How long people may take. Default 10m.",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       if (const auto timeout = read_duration(n, r)) rule.info.review->timeout = *timeout;
     }},
    {"approvals", Need::kOptional, shape::number(1, kMostApprovals), "How many different people must agree. Default 1.",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       const auto approvals = read_number(n, 1, kMostApprovals, r);
       if (approvals) rule.info.review->approvals = static_cast<unsigned>(*approvals);
     }},
    {"onHold", Need::kOptional, shape::choice(kOnHold),
     "`pause`: the guest's clock stands still while the request is held.",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       rule.info.review->freeze = read_choice(n, kOnHold, r).has_value();
     }},
};

/// What is written, whatever the layout, quotes and comments: every part with its length, so that no two read alike.
void append_written(std::string& out, const YamlNode& node) {
  out += fmt::format("{}:{}:{}", static_cast<int>(node.kind), node.text.size(), node.text);
  for (const YamlNode& item : node.items) append_written(out, item);
  for (const YamlMember& member : node.members) {
    out += fmt::format("{}:{}", member.key.size(), member.key);
    append_written(out, member.value);
  }
  out += ';';
}

std::span<const Field<Rule>> rule_table(RuleList list) {
  using Fields = std::vector<Field<Rule>>;
  static const Fields narrow = joined<Rule>({kCommonFields, matcher_fields()});
  static const Fields allow = joined<Rule>({kCommonFields, kConnectionFields, kAllowFields, matcher_fields()});
  static const Fields review = joined<Rule>({kCommonFields, kConnectionFields, kReviewFields, matcher_fields()});
  switch (list) {
    case RuleList::kAllow:
      return allow;
    case RuleList::kReview:
      return review;
    case RuleList::kDeny:
    case RuleList::kCeiling:
      return narrow;
  }
  return {};
}

Action action_of(RuleList list) {
  switch (list) {
    case RuleList::kAllow:
    case RuleList::kCeiling:
      return Action::kAllow;
    case RuleList::kReview:
      return Action::kReview;
    case RuleList::kDeny:
      return Action::kDeny;
  }
  return Action::kDeny;
}

void check_breadth(const Rule& rule, const Target& target, Reader& reader) {
  const Breadth wide = breadth(target);
  if (wide.kind == Breadth::Kind::kNarrow || rule.broad) return;
  const bool broad = wide.kind == Breadth::Kind::kBroad;
  reader.report(target.place, broad ? Code::kBroad : Code::kPrivateSuffix,
                fmt::format("'{}' covers {}", target.text, wide.what), "say 'broad: true' if that is what you want");
}

/// Blocks that the address guard would refuse whatever the rule says: the rule could only ever be a surprise.
void check_address_space(const Rule& rule, const Target& target, Reader& reader) {
  if (!target.block()) return;
  const AddressVerdict verdict = judge_block(*target.block());
  if (verdict == AddressVerdict::kMetadata) {
    reader.report(target.place, Code::kMetadata,
                  fmt::format("'{}' is a cloud metadata address, which is always denied", target.text));
  } else if (verdict == AddressVerdict::kPrivate && !rule.info.private_destination) {
    reader.report(target.place, Code::kPrivateSpace, fmt::format("'{}' is not globally routable", target.text),
                  "say 'private: true' if guests may go there");
  }
  if (!rule.opaque && (target.port == kHttpsPort || rule.never_inspect)) {
    reader.report(target.place, Code::kOnlyClearHttp,
                  fmt::format("'{}' has no name, and TLS without a name is denied", target.text),
                  "name a port that speaks HTTP, or say 'protocol: tcp'");
  }
}

/// What is said about requests with a credential, on a rule that adds none.
void check_credential_keys(const YamlNode& node, const Rule& rule, Reader& reader) {
  for (const YamlMember& member : node.members) {
    if (!rule.credential.empty() || (member.key != "setCookie" && member.key != "mintTokens")) continue;
    reader.report(
        member.place, Code::kNeedsCredential,
        fmt::format("'{}' is about requests with a credential, and rule '{}' adds none", member.key, rule.info.rule));
  }
}

void check_rule(const Rule& rule, Reader& reader) {
  if (rule.never_inspect && rule.needs_requests()) {
    reader.report(rule.place, Code::kNeedsRequests,
                  fmt::format("rule '{}' must see requests, and says 'inspect: never'", rule.info.rule),
                  fmt::format("leave out 'inspect', or {}", kSeeing));
  }
  if (rule.opaque && rule.needs_requests()) {
    reader.report(rule.place, Code::kNeedsRequests,
                  fmt::format("rule '{}' must see requests, and says 'protocol: tcp'", rule.info.rule),
                  fmt::format("leave out 'protocol', or {}", kSeeing));
  }
  if (rule.list != RuleList::kAllow && rule.list != RuleList::kReview) return;
  for (const Target& target : rule.to) {
    check_address_space(rule, target, reader);
    if (rule.list == RuleList::kAllow) check_breadth(rule, target, reader);
  }
}

}  // namespace

std::vector<FieldShape> fields_of_rules(RuleList list) {
  return shapes_of(rule_table(list));
}

void read_targets(const YamlNode& node, std::string_view what, PortDefault without_port, std::vector<Target>& into,
                  Reader& reader) {
  for (const YamlNode& item : some_items(node, what, reader)) {
    const auto text = read_text(item, "a host or address block", reader);
    if (!text) continue;
    auto target = Target::parse(*text, without_port);
    if (!target) {
      reader.report(item.place, target.error().code, target.error().message, target.error().hint);
      continue;
    }
    target->place = item.place;
    into.push_back(*std::move(target));
  }
}

void read_rules(const YamlNode& node, RuleList list, PolicyDocument& document, Reader& reader) {
  const std::string what = fmt::format("{} rule", label(list));
  for (const YamlNode& item : list_items(node, label(list), reader)) {
    Rule rule;
    rule.list = list;
    rule.place = item.place;
    rule.info.policy = document.name;
    rule.info.place = fmt::format("{}:{}", document.file, item.place.line);
    rule.info.action = action_of(list);
    rule.info.guardrail = document.guardrail();
    if (list == RuleList::kReview) {
      rule.info.review.emplace();
      append_written(rule.info.review->text, item);
    }
    const bool complete = read_object<Rule>(item, what, rule_table(list), rule, reader);
    const PortDefault without_port = list == RuleList::kAllow ? PortDefault::kHttps : PortDefault::kEvery;
    for (const YamlMember& member : item.members) {
      if (member.key == "to") read_targets(member.value, "to", without_port, rule.to, reader);
    }
    // What is wrong with one entry of `to` does not hide what is wrong with the others.
    if (complete) {
      check_credential_keys(item, rule, reader);
      check_rule(rule, reader);
    }
    document.rules.push_back(std::move(rule));
  }
}

}  // namespace enforcer::policy
