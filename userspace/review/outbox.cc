#include "review/outbox.h"

namespace enforcer::review {

void Outbox::put(Ticket ticket, Change change, const Reviewer* who) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back({.ticket = std::move(ticket),
                      .change = change,
                      .who = who == nullptr ? std::nullopt : std::optional<Reviewer>(*who)});
  ++put_;
}

void Outbox::deliver() {
  std::unique_lock lock(mutex_);
  if (announcer_ == std::this_thread::get_id()) return;
  const std::uint64_t until = put_;
  while (announced_ < until) {
    if (announcer_ != std::thread::id{}) {
      announced_more_.wait(lock);
      continue;
    }
    announcer_ = std::this_thread::get_id();
    // Until it is empty, not until ours are out: what was put in from within changed() has nobody else who waits.
    while (!waiting_.empty()) {
      const Announcement next = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      observer_.changed(next.ticket, next.change, next.who ? &*next.who : nullptr);
      lock.lock();
      ++announced_;
    }
    announcer_ = std::thread::id{};
    announced_more_.notify_all();
  }
}

}  // namespace enforcer::review
