#include "enforcerd/freezer.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"

namespace enforcer::enforcerd {

namespace asio = boost::asio;

void Freezer::hold(Slot slot, Epoch epoch, std::chrono::seconds most) {
  asio::post(home_, [this, slot, epoch, most] { hold_here(slot, epoch, most); });
}

void Freezer::release(Slot slot, Epoch epoch) {
  asio::post(home_, [this, slot, epoch] { release_here(slot, epoch); });
}

Freezer::Wanted& Freezer::wanted(Slot slot, Epoch epoch) {
  Wanted& found = wanted_[slot];
  if (found.epoch != epoch) found = Wanted{.epoch = epoch};
  return found;
}

Freezer::Wanted* Freezer::find(Slot slot, Epoch epoch) {
  const auto found = wanted_.find(slot);
  return found == wanted_.end() || found->second.epoch != epoch ? nullptr : &found->second;
}

void Freezer::hold_here(Slot slot, Epoch epoch, std::chrono::seconds most) {
  ++wanted(slot, epoch).held;
  // Also behind another one: each brings a time of its own, and the guest may run again because the other's is over.
  auto ask = [](Freezer& freezer, Slot of, Epoch boot, std::chrono::seconds time) -> asio::awaitable<void> {
    const auto frozen = co_await freezer.freeze(of, boot, time);
    if (frozen || frozen.error().code == Errc::kInvalid) co_return;  // an attached namespace cannot be frozen
    freezer.failed_(of, frozen.error());
  };
  asio::co_spawn(home_, ask(*this, slot, epoch, most), asio::detached);
}

void Freezer::release_here(Slot slot, Epoch epoch) {
  Wanted* found = find(slot, epoch);
  if (found == nullptr || found->held == 0) return;  // the guest is gone
  if (--found->held > 0 || found->by_operator == Wanted::Operator::kWantsPause) return;
  auto ask = [](Freezer& freezer, Slot of, Epoch boot) -> asio::awaitable<void> {
    const auto thawed = co_await freezer.thaw(of, boot);
    if (!thawed && thawed.error().code != Errc::kNotFound) log_warning("thawing: {}", thawed.error().message);
  };
  asio::co_spawn(home_, ask(*this, slot, epoch), asio::detached);
}

asio::awaitable<Result<>> Freezer::freeze(Slot slot, Epoch epoch, std::chrono::seconds most) {
  const auto time = std::clamp(most, std::chrono::seconds(1), hostproto::kMaxFreeze);
  const auto frozen = co_await hostd_.request(hostproto::FreezeGuest{.slot = slot, .epoch = epoch, .most = time});
  if (!frozen) co_return std::unexpected(frozen.error());
  co_return Result<>{};
}

asio::awaitable<Result<>> Freezer::thaw(Slot slot, Epoch epoch) {
  ++wanted(slot, epoch).thaws;
  const auto thawed = co_await hostd_.request(hostproto::ThawGuest{.slot = slot, .epoch = epoch});
  if (Wanted* found = find(slot, epoch); found != nullptr) {
    --found->thaws;
    if (found->idle()) wanted_.erase(slot);
  }
  if (!thawed) co_return std::unexpected(thawed.error());
  co_return Result<>{};
}

asio::awaitable<Result<>> Freezer::pause(Slot slot, Epoch epoch, std::chrono::seconds most) {
  wanted(slot, epoch).by_operator = Wanted::Operator::kWantsPause;
  auto frozen = co_await freeze(slot, epoch, most);
  Wanted* found = find(slot, epoch);
  if (!frozen && found != nullptr) found->by_operator = Wanted::Operator::kWantsNothing;
  co_return frozen;
}

asio::awaitable<Result<std::size_t>> Freezer::resume(Slot slot, Epoch epoch) {
  Wanted& found = wanted(slot, epoch);
  found.by_operator = Wanted::Operator::kWantsNothing;
  if (found.held > 0) co_return found.held;
  if (const auto thawed = co_await thaw(slot, epoch); !thawed) co_return std::unexpected(thawed.error());
  co_return std::size_t{0};
}

void Freezer::runs_again(Slot slot) {
  const auto found = wanted_.find(slot);
  if (found == wanted_.end() || found->second.thaws > 0) return;
  found->second.by_operator = Wanted::Operator::kWantsNothing;
}

}  // namespace enforcer::enforcerd
