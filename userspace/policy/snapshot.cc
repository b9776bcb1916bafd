#include "policy/snapshot.h"

#include <algorithm>
#include <tuple>

#include "policy/compile.h"

namespace enforcer::policy {
namespace {

PolicySummary summarise(const PolicyDocument& document) {
  const auto count = [&](RuleList list) {
    return static_cast<std::size_t>(std::ranges::count(document.rules, list, &Rule::list));
  };
  return {.name = document.name,
          .kind = std::string(label(document.kind)),
          .file = document.file,
          .line = document.place.line,
          .mode = document.audit ? "audit" : "enforce",
          .guests = document.guardrail() ? "all" : document.guests.to_string(),
          .allow = count(RuleList::kAllow),
          .review = count(RuleList::kReview),
          .deny = count(RuleList::kDeny),
          .ceiling = count(RuleList::kCeiling)};
}

}  // namespace

std::shared_ptr<const Snapshot> Snapshot::deny_everything(std::uint64_t generation) {
  return std::make_shared<const Snapshot>(std::vector<std::shared_ptr<const PolicyDocument>>(),
                                          std::make_shared<const Credentials>(), generation);
}

Snapshot::Snapshot(std::vector<std::shared_ptr<const PolicyDocument>> documents,
                   std::shared_ptr<const Credentials> credentials, std::uint64_t generation)
    : generation_(generation), documents_(std::move(documents)), credentials_(std::move(credentials)) {
  std::ranges::sort(documents_, {}, [](const auto& document) { return std::tie(document->kind, document->name); });
  for (const auto& document : documents_) {
    summaries_.push_back(summarise(*document));
    for (const Rule& rule : document->rules) {
      if (rule.list == RuleList::kDeny) deny_rules_.push_back(&rule.info);
    }
  }
  std::ranges::sort(deny_rules_, {}, [](const RuleInfo* info) { return std::tie(info->policy, info->rule); });
}

Snapshot::~Snapshot() = default;

std::shared_ptr<const GuestPolicy> Snapshot::for_guest(const GuestName& name, const Labels& labels) const {
  std::vector<std::size_t> applying;
  for (std::size_t i = 0; i < documents_.size(); ++i) {
    const PolicyDocument& document = *documents_[i];
    if (document.guardrail() || document.guests.selects(name, labels)) applying.push_back(i);
  }
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const GuestPolicy>& compiled = compiled_[applying];
  if (!compiled) {
    std::vector<std::shared_ptr<const PolicyDocument>> chosen;
    for (const std::size_t i : applying) chosen.push_back(documents_[i]);
    compiled = std::make_shared<const GuestPolicy>(compile(std::move(chosen), credentials_, generation_));
  }
  return compiled;
}

std::vector<std::string> Snapshot::selecting(const GuestName& name, const Labels& labels) const {
  std::vector<std::string> names;
  for (const auto& document : documents_) {
    if (!document->guardrail() && document->guests.selects(name, labels)) names.push_back(document->name);
  }
  return names;
}

}  // namespace enforcer::policy
