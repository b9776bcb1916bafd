// Covering is found by asking an index for a name (or address) that the covered target matches and no other rule
// mentions: whatever covers the target must match it. So a list of many thousand names is checked without comparing
// each with each.
#include "policy/document_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "policy/address_index.h"
#include "policy/host_index.h"

namespace enforcer::policy {
namespace {

/// The rules of a document that satisfy `wanted`, for questions about covering.
class Cover {
 public:
  template <class Wanted>
  Cover(const PolicyDocument& document, Wanted wanted) : document_(document) {
    for (std::uint32_t i = 0; i < document.rules.size(); ++i) {
      if (!wanted(document.rules[i])) continue;
      for (const Target& target : document.rules[i].to) {
        const TargetEntry entry{.rule = i, .port = target.port.value_or(Port{0}), .except = false};
        if (target.host()) {
          hosts_.add(*target.host(), entry);
        } else {
          addresses_.add(*target.block(), entry);
        }
      }
    }
    hosts_.seal();
    addresses_.seal();
  }

  /// Rules that match an example of the target on some port, whether they cover all of it or not.
  [[nodiscard]] std::vector<const Rule*> candidates(const Target& target) const {
    MatchList matches;
    if (target.host()) {
      hosts_.find(target.host()->example(), matches);
    } else {
      addresses_.find(target.block()->network(), matches);
    }
    std::vector<const Rule*> rules;
    for (const auto run : matches.runs) {
      for (const TargetEntry& entry : run) rules.push_back(&document_.rules[entry.rule]);
    }
    std::ranges::sort(rules);
    const auto repeated = std::ranges::unique(rules);
    rules.erase(repeated.begin(), repeated.end());
    return rules;
  }

  /// The first rule that covers the whole target, or null.
  [[nodiscard]] const Rule* covering(const Target& target) const {
    for (const Rule* rule : candidates(target)) {
      const bool covers = std::ranges::any_of(rule->to, [&](const Target& outer) { return outer.covers(target); });
      const bool holed = std::ranges::any_of(rule->except, [&](const Target& hole) { return hole.overlaps(target); });
      if (covers && !holed) return rule;
    }
    return nullptr;
  }

 private:
  const PolicyDocument& document_;
  HostIndex hosts_;
  AddressIndex addresses_;
};

/// The rule that covers every target of `inner`, when there is one for each; the first of them.
const Rule* covers_all(const Cover& cover, const Rule& inner) {
  const Rule* first = nullptr;
  for (const Target& target : inner.to) {
    const Rule* outer = cover.covering(target);
    if (!outer || outer == &inner) return nullptr;
    if (!first) first = outer;
  }
  return first;
}

void check_denied_allows(const PolicyDocument& document, Reader& reader) {
  const Cover denies(
      document, [](const Rule& rule) { return rule.list == RuleList::kDeny && !rule.has_matchers && !rule.expires; });
  for (const Rule& rule : document.rules) {
    if (rule.list != RuleList::kAllow) continue;
    if (const Rule* deny = covers_all(denies, rule)) {
      reader.report(rule.place, Code::kAlwaysDenied,
                    fmt::format("allow '{}' is completely covered by deny '{}'", rule.info.rule, deny->info.rule),
                    "deny beats allow: use 'except' in the deny");
    }
  }
}

void check_opaque_overlaps(const PolicyDocument& document, Reader& reader) {
  std::vector<std::pair<const Rule*, const Target*>> opaque;
  std::vector<std::pair<const Rule*, const Target*>> other;
  for (const Rule& rule : document.rules) {
    if (rule.list == RuleList::kDeny || rule.list == RuleList::kCeiling) continue;
    for (const Target& target : rule.to) (rule.opaque ? opaque : other).emplace_back(&rule, &target);
  }
  for (const auto& [rule, target] : opaque) {
    for (const auto& [looking, overlapped] : other) {
      if (!target->overlaps(*overlapped)) continue;
      reader.report(target->place, Code::kOpaqueOverlap,
                    fmt::format("'{}' is opaque here and has rule '{}' ('{}') for TLS or HTTP too", target->text,
                                looking->info.rule, overlapped->text),
                    "give each protocol its own host or port");
      break;
    }
  }
}

void lint_pointless_limits(const PolicyDocument& document, Reader& reader) {
  const Cover wide(document, [](const Rule& rule) {
    return rule.list == RuleList::kAllow && !rule.needs_requests() && !rule.opaque && !rule.expires;
  });
  for (const Rule& rule : document.rules) {
    if (rule.list != RuleList::kAllow || !rule.has_matchers || !rule.credential.empty()) continue;
    if (const Rule* wider = covers_all(wide, rule)) {
      reader.report(rule.place, Code::kPointlessLimit,
                    fmt::format("allow '{}' allows everything on these hosts, so the limits of '{}' are pointless",
                                wider->info.rule, rule.info.rule));
    }
  }
}

/// Where anybody may put anything: an allow without a closer look is a place to send secrets to and to load programs
/// from.
const std::vector<HostPattern>& user_content() {
  static const std::vector<HostPattern> patterns = [] {
    std::vector<HostPattern> made;
    for (const std::string_view text :
         {"raw.githubusercontent.com", "gist.githubusercontent.com", "gist.github.com", "*.github.io", "pastebin.com",
          "transfer.sh", "webhook.site", "s3.amazonaws.com", "*.s3.amazonaws.com", "storage.googleapis.com",
          "*.blob.core.windows.net", "*.r2.dev", "*.workers.dev", "*.pages.dev", "*.vercel.app", "*.netlify.app",
          "*.ngrok.io", "*.ngrok-free.app", "**.trycloudflare.com"}) {
      if (auto pattern = HostPattern::parse(text)) made.push_back(*std::move(pattern));
    }
    return made;
  }();
  return patterns;
}

void lint_targets(const PolicyDocument& document, Reader& reader) {
  const Cover anything(document, [](const Rule&) { return true; });
  for (const Rule& rule : document.rules) {
    if (rule.list != RuleList::kAllow) continue;
    for (const Target& target : rule.to) {
      const HostPattern* pattern = target.host();
      if (!pattern) continue;
      const auto public_place = [&](const HostPattern& place) { return place.covers(*pattern); };
      if (!rule.needs_requests() && std::ranges::any_of(user_content(), public_place)) {
        reader.report(target.place, Code::kUserContent,
                      fmt::format("'{}' serves content that anybody may upload", target.text),
                      "limit it with http, or name a narrower host");
      }
      const bool before_suffix = pattern->any_depth() || (!pattern->exact() && pattern->labels().front() == "*");
      const auto apex = HostName::parse(pattern->suffix());
      if (!before_suffix || !apex || apex->labels().size() < 2) continue;
      const auto apex_target = Target::parse(apex->text(), PortDefault::kEvery);
      if (apex_target && anything.candidates(*apex_target).empty()) {
        reader.report(target.place, Code::kApexExcluded,
                      fmt::format("'{}' does not include '{}' itself", target.text, apex->text()),
                      fmt::format("add '{}' if it is meant", apex->text()));
      }
    }
  }
}

}  // namespace

void check_document(const PolicyDocument& document, Reader& reader) {
  check_denied_allows(document, reader);
  check_opaque_overlaps(document, reader);
  lint_pointless_limits(document, reader);
  lint_targets(document, reader);
}

}  // namespace enforcer::policy
