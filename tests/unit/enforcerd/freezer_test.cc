// Who wants which guest frozen; hostd is played by the test.
#include "enforcerd/freezer.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <vector>

namespace enforcer::enforcerd {
namespace {

namespace asio = boost::asio;
using proxy::Frozen;
using Strings = std::vector<std::string>;

constexpr Slot kSlot{7};
constexpr Epoch kEpoch{0xabc};
constexpr std::chrono::seconds kMinute{60};

class FakeFreezing final : public GuestFreezing {
 public:
  asio::awaitable<Result<std::string>> request(hostproto::FreezeGuest freeze) override {
    asked.push_back(fmt::format("freeze {} {}", static_cast<std::uint32_t>(freeze.slot), freeze.most.count()));
    if (error) co_return std::unexpected(*error);
    co_return "";
  }
  asio::awaitable<Result<std::string>> request(hostproto::ThawGuest thaw) override {
    asked.push_back(fmt::format("thaw {}", static_cast<std::uint32_t>(thaw.slot)));
    co_return "";
  }

  Strings asked;
  std::optional<Error> error;
};

struct Bench {
  asio::io_context io{1};
  FakeFreezing hostd;
  Strings failures;
  Freezer freezer{io, hostd, [this](Slot, const Error& why) { failures.push_back(why.message); }};

  /// Everything that was asked since the last time.
  Strings asked() {
    io.restart();
    io.run();
    return std::exchange(hostd.asked, {});
  }
  template <class T>
  T end(asio::awaitable<T> step) {
    auto ended = asio::co_spawn(io, std::move(step), asio::use_future);
    io.restart();
    io.run();
    return ended.get();
  }
  Frozen hold(std::chrono::seconds most = kMinute, Slot slot = kSlot) { return {freezer, slot, kEpoch, most}; }
};

TEST_CASE("the_first_hold_freezes_and_the_last_release_thaws") {
  Bench bench;
  {
    Frozen outer = bench.hold();
    CHECK(bench.asked() == Strings{"freeze 7 60"});
    {
      const Frozen inner = bench.hold(kMinute * 2);
      CHECK(bench.asked() == Strings{"freeze 7 120"});  // each brings a time of its own
    }
    CHECK(bench.asked().empty());
    const Frozen moved = std::move(outer);
    CHECK(bench.asked().empty());
  }
  CHECK(bench.asked() == Strings{"thaw 7"});
  {
    const Frozen nothing;
    Frozen first = bench.hold();
    first = bench.hold(kMinute, Slot{8});  // the other one goes with the temporary
    CHECK(bench.asked() == Strings{"freeze 7 60", "freeze 8 60", "thaw 7"});
  }
  CHECK(bench.asked() == Strings{"thaw 8"});
}

TEST_CASE("a_freeze_is_asked_for_within_its_bounds") {
  Bench bench;
  const Frozen none = bench.hold(std::chrono::seconds(0));
  const Frozen ever = bench.hold(std::chrono::hours(24));
  CHECK(bench.asked() == Strings{"freeze 7 1", "freeze 7 900"});
}

TEST_CASE("a_hold_that_cannot_freeze_is_told_but_of_an_attached_namespace") {
  Bench bench;
  bench.hostd.error = Error{Errc::kUnavailable, "no hostd"};
  const Frozen unlucky = bench.hold();
  CHECK(bench.asked().size() == 1);
  CHECK(bench.failures == Strings{"no hostd"});
  bench.hostd.error = Error{Errc::kInvalid, "only a microVM can be paused"};
  const Frozen attached = bench.hold(kMinute, Slot{8});
  CHECK(bench.asked().size() == 1);
  CHECK(bench.failures == Strings{"no hostd"});
}

TEST_CASE("an_operator_and_held_requests_do_not_thaw_each_other") {
  Bench bench;
  CHECK(bench.end(bench.freezer.pause(kSlot, kEpoch, kMinute)).has_value());
  CHECK(bench.asked() == Strings{"freeze 7 60"});
  auto held = std::make_optional(bench.hold());
  held.reset();
  CHECK(bench.asked() == Strings{"freeze 7 60"});  // and no thaw

  held = bench.hold();
  CHECK(bench.end(bench.freezer.resume(kSlot, kEpoch)).value() == 1);
  CHECK(bench.asked() == Strings{"freeze 7 60"});
  held.reset();
  CHECK(bench.asked() == Strings{"thaw 7"});
  CHECK(bench.end(bench.freezer.resume(kSlot, kEpoch)).value() == 0);  // of whomever, it runs afterwards
  CHECK(bench.asked() == Strings{"thaw 7"});
}

TEST_CASE("a_pause_whose_time_is_over_keeps_nothing_frozen") {
  Bench bench;
  CHECK(bench.end(bench.freezer.pause(kSlot, kEpoch, kMinute)).has_value());
  bench.freezer.runs_again(kSlot);
  {
    const Frozen held = bench.hold();
  }
  CHECK(bench.asked() == Strings{"freeze 7 60", "freeze 7 60", "thaw 7"});
}

TEST_CASE("a_pause_that_failed_is_none_and_a_guest_that_is_gone_is_forgotten") {
  Bench bench;
  bench.hostd.error = Error{Errc::kConflict, "the guest is still booting"};
  CHECK(bench.end(bench.freezer.pause(kSlot, kEpoch, kMinute)).error().code == Errc::kConflict);
  bench.hostd.error.reset();
  {
    const Frozen held = bench.hold();
  }
  CHECK(bench.asked() == Strings{"freeze 7 60", "freeze 7 60", "thaw 7"});
  {
    const Frozen held = bench.hold();
    CHECK(bench.asked() == Strings{"freeze 7 60"});
    bench.freezer.forget(kSlot);
  }
  CHECK(bench.asked().empty());
}

}  // namespace
}  // namespace enforcer::enforcerd
