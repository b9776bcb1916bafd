// Freezer: who lets a microVM stand still, asked by what holds one of its requests for a person: the guest's own
// time-outs do not run while its vCPUs do not. Frozen: one such wish, for as long as it lives.
#pragma once

#include <chrono>
#include <utility>

#include "base/ids.h"

namespace enforcer::proxy {

/// Thread: any worker; nothing waits. The first hold of a guest freezes it, the release of the last one thaws it.
class Freezer {
 public:
  /// For at most `most` (1 s to hostproto::kMaxFreeze; more counts as that), then the guest runs on, whatever is held.
  /// A guest that cannot be frozen (an attached namespace, one that has just ended, no hostd) runs on as well.
  virtual void hold(Slot slot, Epoch epoch, std::chrono::seconds most) = 0;
  /// Once for each hold.
  virtual void release(Slot slot, Epoch epoch) = 0;

 protected:
  ~Freezer() = default;
};

/// A hold, released at the end of this object's life.
class Frozen {
 public:
  Frozen() = default;  ///< holds nothing
  /// `freezer` outlives this object.
  Frozen(Freezer& freezer, Slot slot, Epoch epoch, std::chrono::seconds most)
      : freezer_(&freezer), slot_(slot), epoch_(epoch) {
    freezer.hold(slot, epoch, most);
  }
  Frozen(Frozen&& other) noexcept
      : freezer_(std::exchange(other.freezer_, nullptr)), slot_(other.slot_), epoch_(other.epoch_) {}
  Frozen& operator=(Frozen&& other) noexcept {
    std::swap(freezer_, other.freezer_);
    std::swap(slot_, other.slot_);
    std::swap(epoch_, other.epoch_);
    return *this;
  }
  ~Frozen() {
    if (freezer_ != nullptr) freezer_->release(slot_, epoch_);
  }

 private:
  Freezer* freezer_ = nullptr;
  Slot slot_{};
  Epoch epoch_{};
};

}  // namespace enforcer::proxy
