#include "enforcerctl/history.h"

#include <fmt/format.h>

#include <algorithm>

namespace enforcer::ctl {
namespace {

bool has_all(const Labels& labels, const Labels& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& entry) {
    const auto found = labels.find(entry.first);
    return found != labels.end() && found->second == entry.second;
  });
}

/// Everything but id, time and count. Each part has its length, so that no text can pass for two.
std::string identity(const RecordedDecision& decision) {
  std::string key;
  const auto add = [&](std::string_view text) { fmt::format_to(std::back_inserter(key), "{}:{}", text.size(), text); };
  add(decision.guest);
  for (const auto& [name, value] : decision.labels) {
    add(name);
    add(value);
  }
  for (const std::string* text :
       {&decision.layer, &decision.decision, &decision.reason, &decision.rule, &decision.would, &decision.would_reason,
        &decision.would_rule, &decision.host, &decision.method, &decision.path, &decision.upgrade, &decision.action,
        &decision.credential}) {
    add(*text);
  }
  add(decision.query.value_or("-"));
  // A name's address is made up for each guest and time.
  const bool named = HostName::parse(decision.host).has_value();
  add(decision.destination && !named ? decision.destination->to_string() : "");
  add(std::to_string(static_cast<unsigned>(decision.port)));
  return key;
}

}  // namespace

std::optional<HostName> PastDecision::host() const {
  auto name = HostName::parse(what.host);
  return name ? std::optional(*std::move(name)) : std::nullopt;
}

std::optional<IpAddress> PastDecision::address() const {
  return host() ? std::nullopt : what.destination;
}

std::string PastDecision::target() const {
  const auto literal = address();
  if (literal && what.port != Port{}) return Endpoint{*literal, what.port}.to_string();
  const std::string place = literal ? literal->to_string() : what.host.empty() ? "?" : what.host;
  return what.port == Port{} ? place : fmt::format("{}:{}", place, static_cast<unsigned>(what.port));
}

Result<> History::add(std::string_view line) {
  Recorded recorded = read_record(line);
  if (auto* decision = std::get_if<RecordedDecision>(&recorded)) return add(std::move(*decision));
  if (const auto* end = std::get_if<RecordedEnd>(&recorded)) add(*end);
  return {};
}

Result<> History::add(RecordedDecision decision) {
  if ((!guest_.empty() && decision.guest != guest_) || !has_all(decision.labels, labels_)) return {};
  const auto [found, is_new] = known_.try_emplace(identity(decision), decisions_.size());
  if (is_new && decisions_.size() == kMost) {
    return fail(Errc::kUnavailable,
                fmt::format("more than {} different decisions: ask about less with --guest or --since", kMost));
  }
  count_ += decision.count;
  if (first_.empty()) first_ = decision.time;
  last_ = std::max(last_, decision.time);
  if (decision.decision == "allow") open_.insert_or_assign(decision.id, found->second);
  if (is_new) {
    decisions_.push_back({.what = std::move(decision), .count = 0, .last = {}, .dialled = {}});
    decisions_.back().count = decisions_.back().what.count;
    decisions_.back().last = decisions_.back().what.time;
  } else {
    PastDecision& past = decisions_[found->second];
    past.count += decision.count;
    past.last = std::move(decision.time);
  }
  return {};
}

void History::add(const RecordedEnd& end) {
  const auto found = open_.find(end.id);
  if (found == open_.end()) return;
  if (end.dialled) decisions_[found->second].dialled.insert(*end.dialled);
  open_.erase(found);
}

}  // namespace enforcer::ctl
