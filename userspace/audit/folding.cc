#include "audit/folding.h"

namespace enforcer::audit {

std::optional<DecisionId> Folding::repeats(std::string_view tail, const DecisionId& id, Monotonic::time_point now) {
  const auto found = open_.find(tail);
  if (found != open_.end()) {
    ++found->second.repeats;
    return found->second.first;
  }
  if (open_.size() >= kMaxOpen) return std::nullopt;
  const auto opened = open_.emplace(tail, Window{.first = id}).first;
  due_.push_back({now + kWindow, &*opened});
  return std::nullopt;
}

void Folding::flush_due(
    Monotonic::time_point now,
    const std::function<void(const DecisionId& id, std::string_view tail, std::uint64_t count)>& summarise) {
  while (!due_.empty() && due_.front().when <= now) {
    const auto& [tail, window] = *due_.front().window;
    if (window.repeats > 0) summarise(window.first, tail, window.repeats);
    open_.erase(open_.find(tail));
    due_.pop_front();
  }
}

std::optional<Monotonic::time_point> Folding::next_due() const {
  if (due_.empty()) return std::nullopt;
  return due_.front().when;
}

}  // namespace enforcer::audit
