// A real guest that stands still and runs on: no time passes in it, and its wall clock is set afterwards.
#include <poll.h>

#include "booted_guest.h"
#include "host/qmp_call.h"

namespace enforcer::host {
namespace {

Result<> ask_monitor(const MicroVm& vm, QmpCommand command) {
  Fd monitor = TRY(vm.connect_monitor());
  auto call = TRY(QmpCall::begin(std::move(monitor), command, Deadline::after(std::chrono::seconds(10))));
  while (true) {
    if (auto outcome = call.turn()) return *outcome;
    pollfd waiting{call.fd(), POLLIN, 0};
    ::poll(&waiting, 1, 100);
  }
}

double number_from(const std::string& text) {
  return std::strtod(text.c_str(), nullptr);
}

TEST_CASE("no_time_passes_in_a_stopped_guest_and_its_clock_can_be_set") {
  Guest* g = guest();
  if (!g) return;
  const double before = number_from(g->exec->run("cat /proc/uptime").out);
  const auto stopped = Monotonic::now();
  REQUIRE(ask_monitor(*g->vm, QmpCommand::kStop).has_value());
  CHECK(ask_monitor(*g->vm, QmpCommand::kStop).has_value());  // again changes nothing
  g->exec->allow(std::chrono::seconds(1));
  g->exec->send(hostproto::FrameType::kExec, R"({"argv":["cat","/proc/uptime"]})");
  std::this_thread::sleep_for(std::chrono::seconds(6));
  CHECK(g->exec->receive().type == hostproto::FrameType{});  // it does not answer
  REQUIRE(ask_monitor(*g->vm, QmpCommand::kCont).has_value());
  CHECK(ask_monitor(*g->vm, QmpCommand::kCont).has_value());
  g->exec->allow(std::chrono::seconds(30));
  const double after = number_from(g->exec->finish().out);
  const double took = std::chrono::duration<double>(Monotonic::now() - stopped).count();
  CHECK(after >= before);
  CHECK(after - before < took - 5);

  const auto there = [g] { return std::llround(number_from(g->exec->run("date +%s").out)); };
  const auto off = [&] { return std::llabs(there() - std::chrono::system_clock::to_time_t(WallClock::now())); };
  const std::string clock = hostproto::encode_clock(WallClock::now() - std::chrono::hours(1));
  g->exec->send_raw(clock);
  CHECK(off() > 3000);  // the control: it is this frame that sets it
  g->exec->send_raw(hostproto::encode_clock(WallClock::now()));
  CHECK(off() <= 3);
  g->exec->send(hostproto::FrameType::kClock, "not a time");
  CHECK(off() <= 3);
}

}  // namespace
}  // namespace enforcer::host
