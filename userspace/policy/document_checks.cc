#include "policy/document_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/target_set.h"

namespace enforcer::policy {
namespace {

// What is compared each with each: opaque wildcards with everything else, and the exceptions of a rule with what it
// matches. The first has a limit; the second only warns, and is left out beyond this.
constexpr std::size_t kMostOpaqueWildcards = 1000;
constexpr std::size_t kMostComparisons = 10'000'000;

/// The deny or allow of the set that covers every target of `inner`; where several do it together, the first of them.
const Rule* covers_all(const TargetSet& set, const Rule& inner) {
  const Rule* first = nullptr;
  for (const Target& target : inner.to) {
    const auto whole = [&](const TargetSet::Member& member) {
      const auto& holes = member.rule->except;
      return holes.size() <= kMostOpaqueWildcards &&
             std::ranges::none_of(holes, [&](const Target& hole) { return hole.overlaps(target); });
    };
    const auto outer = set.covering(target);
    const auto found = std::ranges::find_if(outer, whole);
    if (found == outer.end() || found->rule == &inner) return nullptr;
    if (!first) first = found->rule;
  }
  return first;
}

void check_denied_allows(const PolicyDocument& document, Reader& reader) {
  const TargetSet denies(
      document, [](const Rule& rule) { return rule.list == RuleList::kDeny && !rule.has_matchers() && !rule.expires; });
  for (const Rule& rule : document.rules) {
    if (rule.list != RuleList::kAllow) continue;
    if (const Rule* deny = covers_all(denies, rule)) {
      reader.report(rule.place, Code::kAlwaysDenied,
                    fmt::format("allow '{}' is completely covered by deny '{}'", rule.info.rule, deny->info.rule),
                    "deny beats allow: use 'except' in the deny");
    }
  }
}

void report_overlap(const Target& opaque, const Rule& looking, const Target& overlapped, Reader& reader) {
  reader.report(opaque.place, Code::kOpaqueOverlap,
                fmt::format("'{}' is opaque here and has rule '{}' ('{}') for TLS or HTTP too", opaque.text,
                            looking.info.rule, overlapped.text),
                "give each protocol its own host or port");
}

void check_opaque_overlaps(const PolicyDocument& document, Reader& reader) {
  const auto goes_somewhere = [](const Rule& rule) {
    return rule.list == RuleList::kAllow || rule.list == RuleList::kReview;
  };
  const TargetSet opaque(document, [&](const Rule& rule) { return goes_somewhere(rule) && rule.opaque; });
  if (opaque.members().empty()) return;
  const TargetSet other(document, [&](const Rule& rule) { return goes_somewhere(rule) && !rule.opaque; });
  std::size_t wildcards = 0;
  for (const auto& [rule, target] : opaque.members()) {
    if (!is_single(*target) && ++wildcards > kMostOpaqueWildcards) {
      reader.report(
          target->place, Code::kBadValue,
          fmt::format("more than {} wildcards and blocks with 'protocol: tcp' in one policy", kMostOpaqueWildcards));
      return;
    }
    if (const auto* found = other.overlapping(*target)) report_overlap(*target, *found->rule, *found->target, reader);
  }
}

void lint_pointless_limits(const PolicyDocument& document, Reader& reader) {
  const TargetSet wide(document, [](const Rule& rule) {
    return rule.list == RuleList::kAllow && rule.takes_all_requests() && !rule.opaque && !rule.expires;
  });
  for (const Rule& rule : document.rules) {
    if (rule.list != RuleList::kAllow || !rule.has_matchers() || !rule.credential.empty()) continue;
    if (rule.websocket) continue;  // that much the wider one may not allow
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

void lint_excepts(const PolicyDocument& document, Reader& reader) {
  for (const Rule& rule : document.rules) {
    if (rule.except.size() * rule.to.size() > kMostComparisons) continue;
    const TargetSet matched(rule, rule.to);
    for (const Target& except : rule.except) {
      if (matched.overlapping(except)) continue;
      reader.report(except.place, Code::kPointlessExcept,
                    fmt::format("'{}' is not part of what rule '{}' matches", except.text, rule.info.rule));
    }
  }
}

void lint_targets(const PolicyDocument& document, Reader& reader) {
  const TargetSet anything(document, [](const Rule&) { return true; });
  for (const Rule& rule : document.rules) {
    if (rule.list != RuleList::kAllow) continue;
    for (const Target& target : rule.to) {
      const HostPattern* pattern = target.host();
      if (!pattern) continue;
      const auto public_place = [&](const HostPattern& place) { return place.covers(*pattern); };
      if (rule.takes_all_requests() && std::ranges::any_of(user_content(), public_place)) {
        reader.report(target.place, Code::kUserContent,
                      fmt::format("'{}' serves content that anybody may upload", target.text),
                      "limit it with http, or name a narrower host");
      }
      const bool before_suffix = pattern->any_depth() || (!pattern->exact() && pattern->labels().front() == "*");
      const auto apex = HostName::parse(pattern->suffix());
      if (!before_suffix || !apex || apex->labels().size() < 2) continue;
      if (!anything.mentions(*apex)) {
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
  lint_excepts(document, reader);
  lint_targets(document, reader);
}

}  // namespace enforcer::policy
