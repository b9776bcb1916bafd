// QEMU's monitor is played by the test, and later by QEMU itself (guest_pause_test.cc): what is hostile here never
// waits, never grows and never counts as done.
#include "host/qmp_call.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace enforcer::host {
namespace {

// As QEMU 7.2 writes them.
const std::string kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}})"
    "\r\n";
const std::string kNegotiated = R"({"return": {}, "id": "negotiation"})"
                                "\r\n";
const std::string kStopEvent = R"({"timestamp": {"seconds": 1795746025, "microseconds": 697502}, "event": "STOP"})"
                               "\r\n";
const std::string kDone = R"({"return": {}, "id": "command"})"
                          "\r\n";
const std::string kRefused = R"({"id": "command", "error": {"class": "GenericError", "desc": "no\u001b[2J\nreset"}})"
                             "\r\n";

/// A call, and the monitor's end of its stream.
struct Monitor {
  explicit Monitor(QmpCommand command = QmpCommand::kStop,
                   std::chrono::milliseconds patience = std::chrono::minutes(1)) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    here = Fd(ends[0]);
    auto begun = QmpCall::begin(Fd(ends[1]), command, Deadline::after(patience));
    REQUIRE(begun.has_value());
    call.emplace(*std::move(begun));
  }
  void say(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::send(here.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count <= 0) return;  // it is full: the call has seen enough
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  std::string heard() const {
    char bytes[1024];
    const ssize_t count = ::recv(here.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    return {bytes, count < 0 ? 0U : static_cast<std::size_t>(count)};
  }
  /// How the call ended when the monitor had said this; a success when it goes on.
  Error failure_after(const std::string& text) {
    say(text);
    const auto outcome = call->turn();
    REQUIRE(outcome.has_value());
    REQUIRE_FALSE(outcome->has_value());
    return outcome->error();
  }

  Fd here;
  std::optional<QmpCall> call;
};

TEST_CASE("qmp_asks_for_one_command_behind_the_negotiation") {
  CHECK(Monitor(QmpCommand::kStop).heard() ==
        "{\"execute\":\"qmp_capabilities\",\"id\":\"negotiation\"}\n"
        "{\"execute\":\"stop\",\"id\":\"command\"}\n");
  CHECK(Monitor(QmpCommand::kCont).heard().ends_with("{\"execute\":\"cont\",\"id\":\"command\"}\n"));
}

TEST_CASE("qmp_call_is_done_with_the_answer_to_its_command_and_no_earlier") {
  const std::string all = kGreeting + kStopEvent + kNegotiated + kStopEvent + kDone;
  for (std::size_t piece = 1; piece <= all.size(); ++piece) {
    Monitor monitor;
    std::size_t at = 0;
    for (; at + piece < all.size(); at += piece) {
      monitor.say(std::string_view(all).substr(at, piece));
      const auto early = monitor.call->turn();
      // The very last octet is a line feed, so nothing before it is a whole answer.
      REQUIRE_FALSE(early.has_value());
    }
    monitor.say(std::string_view(all).substr(at));
    const auto outcome = monitor.call->turn();
    REQUIRE(outcome.has_value());
    CHECK(outcome->has_value());
  }
}

TEST_CASE("qmp_refusal_is_a_conflict_with_harmless_words") {
  Monitor monitor;
  const Error refused = monitor.failure_after(kGreeting + kNegotiated + kRefused);
  CHECK(refused.code == Errc::kConflict);
  CHECK(refused.message == R"(QEMU refuses: no\x1b[2J\x0areset)");
  Monitor wordless;
  CHECK(wordless.failure_after(kGreeting + R"({"id":"negotiation","error":7})" + "\n").code == Errc::kConflict);
}

TEST_CASE("qmp_that_is_none_ends_the_call") {
  for (const std::string& said : std::vector<std::string>{
           "\n",
           "SSH-2.0-x\r\n",
           "[]\n",
           "{\"QMP\": 1\n",
           "\xff\xfe\n",
           kNegotiated,                                             // no greeting
           kStopEvent,                                              // an event before it
           kGreeting + kDone,                                       // the command's answer instead of the negotiation's
           kGreeting + kNegotiated + kNegotiated,                   // and the other way round
           kGreeting + kNegotiated + "{\"return\":{}}\n",           // an answer to whom?
           kGreeting + kNegotiated + "{\"return\":{},\"id\":1}\n",  // likewise
           kGreeting + kNegotiated + "{\"id\":\"command\"}\n",
           kGreeting + std::string(10'000, '[') + "\n",
       }) {
    CAPTURE(said);
    Monitor monitor;
    CHECK(monitor.failure_after(said).code == Errc::kInvalid);
  }
}

TEST_CASE("qmp_lines_are_bounded_with_and_without_their_end") {
  const std::string padded = "{\"event\":\"" + std::string(QmpCall::kMaxLine - 12, 'x') + "\"}";
  REQUIRE(padded.size() == QmpCall::kMaxLine);
  Monitor longest;
  longest.say(kGreeting + padded + "\n" + kNegotiated + kDone);
  const auto outcome = longest.call->turn();
  REQUIRE(outcome.has_value());
  CHECK(outcome->has_value());

  Monitor longer;
  CHECK(longer.failure_after(kGreeting + " " + padded + "\n").code == Errc::kInvalid);
  Monitor endless;
  CHECK(endless.failure_after(std::string(2 * QmpCall::kMaxLine, ' ')).code == Errc::kInvalid);
}

TEST_CASE("qmp_events_are_bounded_in_number") {
  std::string events;
  for (int i = 0; i < QmpCall::kMaxLines - 3; ++i) events += kStopEvent;
  Monitor most;
  most.say(kGreeting + kNegotiated + events + kDone);
  const auto outcome = most.call->turn();
  REQUIRE(outcome.has_value());
  CHECK(outcome->has_value());

  Monitor more;
  CHECK(more.failure_after(kGreeting + kNegotiated + events + kStopEvent + kDone).code == Errc::kInvalid);
}

TEST_CASE("qmp_call_ends_with_its_deadline_and_with_the_monitor") {
  Monitor silent(QmpCommand::kCont, std::chrono::milliseconds(50));
  CHECK_FALSE(silent.call->turn().has_value());
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  CHECK(silent.failure_after(kGreeting).code == Errc::kTimeout);

  Monitor late(QmpCommand::kCont, std::chrono::milliseconds(0));  // what is there counts, however late it is looked at
  late.say(kGreeting + kNegotiated + kDone);
  const auto outcome = late.call->turn();
  REQUIRE(outcome.has_value());
  CHECK(outcome->has_value());

  Monitor gone;
  gone.say(kGreeting);
  gone.here.reset();
  const auto ended = gone.call->turn();
  REQUIRE(ended.has_value());
  CHECK(ended->error().code == Errc::kIo);
}

}  // namespace
}  // namespace enforcer::host
