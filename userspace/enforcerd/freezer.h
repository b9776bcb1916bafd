// Freezer: who wants which guest frozen, and hostd asked accordingly. Held requests want it from any worker, an
// operator through the control API. hostd bounds every freeze by itself (hostproto/messages.h), so nothing here keeps
// time.
//
// Thread: worker 0, but for hold() and release().
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "hostproto/messages.h"
#include "proxy/freezer.h"

namespace enforcer::enforcerd {

/// hostd, as far as it is needed here.
class GuestFreezing {
 public:
  virtual boost::asio::awaitable<Result<std::string>> request(hostproto::FreezeGuest freeze) = 0;
  virtual boost::asio::awaitable<Result<std::string>> request(hostproto::ThawGuest thaw) = 0;

 protected:
  ~GuestFreezing() = default;
};

class Freezer final : public proxy::Freezer {
 public:
  /// Told of a guest that runs on although a request of it is held.
  using Failed = std::function<void(Slot slot, const Error& why)>;

  /// `home` is worker 0's; it and `hostd` outlive this object.
  Freezer(boost::asio::io_context& home, GuestFreezing& hostd, Failed failed)
      : home_(home), hostd_(hostd), failed_(std::move(failed)) {}

  void hold(Slot slot, Epoch epoch, std::chrono::seconds most) override;
  void release(Slot slot, Epoch epoch) override;

  /// An operator's wish, at most one for each guest. The guest stands still when this is through. Errors are those of
  /// hostproto::FreezeGuest.
  boost::asio::awaitable<Result<>> pause(Slot slot, Epoch epoch, std::chrono::seconds most);
  /// Takes it back. The guest runs when this is through, unless requests of it are held: so many.
  boost::asio::awaitable<Result<std::size_t>> resume(Slot slot, Epoch epoch);

  /// hostd says that the guest runs again: if nobody here asked for that, its time was over, and the operator's wish
  /// with it.
  void runs_again(Slot slot);
  /// The guest is gone.
  void forget(Slot slot) { wanted_.erase(slot); }

 private:
  struct Wanted {
    Epoch epoch{};
    std::size_t held = 0;
    enum class Operator { kWantsNothing, kWantsPause } by_operator = Operator::kWantsNothing;
    std::size_t thaws = 0;  ///< asked for and not answered

    [[nodiscard]] bool idle() const { return held == 0 && thaws == 0 && by_operator == Operator::kWantsNothing; }
  };
  [[nodiscard]] Wanted& wanted(Slot slot, Epoch epoch);
  [[nodiscard]] Wanted* find(Slot slot, Epoch epoch);
  void hold_here(Slot slot, Epoch epoch, std::chrono::seconds most);
  void release_here(Slot slot, Epoch epoch);
  boost::asio::awaitable<Result<>> freeze(Slot slot, Epoch epoch, std::chrono::seconds most);
  boost::asio::awaitable<Result<>> thaw(Slot slot, Epoch epoch);

  boost::asio::io_context& home_;
  GuestFreezing& hostd_;
  Failed failed_;
  std::map<Slot, Wanted> wanted_;
};

}  // namespace enforcer::enforcerd
