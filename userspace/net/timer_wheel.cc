#include "net/timer_wheel.h"

namespace enforcer::net {

void WheelEntry::cancel() {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = previous_ = nullptr;
}

TimerWheel::TimerWheel() {
  for (Bucket& bucket : buckets_) bucket.next_ = bucket.previous_ = &bucket;
}

TimerWheel::~TimerWheel() {
  for (Bucket& bucket : buckets_) {
    while (bucket.next_ != &bucket) bucket.next_->cancel();
    bucket.next_ = bucket.previous_ = nullptr;
  }
}

std::uint64_t TimerWheel::tick_of(Monotonic::time_point when) const {
  if (when <= start_) return 0;
  return static_cast<std::uint64_t>((when - start_) / kTick);
}

void TimerWheel::schedule(WheelEntry& entry, Deadline deadline) {
  entry.cancel();
  // Rounded up, and never the bucket that is being emptied: a deadline fires late by up to a tick, never early.
  entry.due_tick_ = std::max(tick_of(deadline.when()) + 1, current_tick_ + 1);
  Bucket& bucket = buckets_[entry.due_tick_ % kBuckets];
  entry.previous_ = bucket.previous_;
  entry.next_ = &bucket;
  bucket.previous_->next_ = &entry;
  bucket.previous_ = &entry;
}

void TimerWheel::advance(Monotonic::time_point now) {
  const std::uint64_t target = tick_of(now);
  // After a long pause (a suspended host) one turn visits every bucket; more turns would find nothing new.
  if (target > current_tick_ + kBuckets) current_tick_ = target - kBuckets;
  while (current_tick_ < target) expire_bucket(++current_tick_);
}

void TimerWheel::expire_bucket(std::uint64_t tick) {
  // What is due moves to a list of its own first, because expired() may schedule and destroy entries, this one's
  // neighbours included.
  Bucket& bucket = buckets_[tick % kBuckets];
  Bucket due;
  due.next_ = due.previous_ = &due;
  for (WheelEntry* entry = bucket.next_; entry != &bucket;) {
    WheelEntry* following = entry->next_;
    if (entry->due_tick_ <= tick) {
      entry->cancel();
      entry->previous_ = due.previous_;
      entry->next_ = &due;
      due.previous_->next_ = entry;
      due.previous_ = entry;
    }
    entry = following;
  }
  while (due.next_ != &due) {
    WheelEntry* entry = due.next_;
    entry->cancel();
    entry->expired();
  }
  due.next_ = due.previous_ = nullptr;
}

}  // namespace enforcer::net
