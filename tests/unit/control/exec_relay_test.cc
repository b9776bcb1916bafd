#include <doctest/doctest.h>
#include <sys/socket.h>

#include <csignal>

#include "control/json.h"
#include "fake_daemon.h"
#include "hostproto/exec_frame.h"

using namespace enforcer;
using namespace enforcer::control;
using namespace enforcer::control::testing;
using hostproto::Frame;
using hostproto::FrameType;

namespace {

Deadline soon() {
  return Deadline::after(std::chrono::seconds(10));
}

/// The tool's end of an exec.
class ExecClient {
 public:
  explicit ExecClient(Fd connection) : fd_(std::move(connection)) {}

  void say(FrameType type, std::string_view payload) { say_raw(hostproto::encode_frame(type, payload)); }
  void say_raw(std::string_view bytes) { CHECK(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0); }

  /// More than the socket takes at once.
  void say_all(std::string_view bytes) {
    const Deadline deadline = soon();
    while (!bytes.empty()) {
      REQUIRE_FALSE(deadline.passed());
      pollfd entry{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
      if (poll(&entry, 1, 100) <= 0) continue;
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// The next frame; none when the server has closed.
  std::optional<Frame> hear() {
    const Deadline deadline = soon();
    while (true) {
      if (auto frame = reader_.next()) return frame;
      REQUIRE_FALSE(deadline.passed());
      pollfd entry{.fd = fd_.get(), .events = POLLIN, .revents = 0};
      if (poll(&entry, 1, 100) <= 0) continue;
      char buffer[4096];
      const ssize_t size = recv(fd_.get(), buffer, sizeof buffer, 0);
      if (size <= 0) return std::nullopt;
      REQUIRE(reader_.feed(as_bytes({buffer, static_cast<std::size_t>(size)})).has_value());
    }
  }
  void expect(FrameType type, std::string_view payload) {
    const auto frame = hear();
    REQUIRE(frame.has_value());
    CHECK(frame->type == type);
    CHECK(frame->payload == payload);
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Fd fd_;
  hostproto::FrameReader reader_;
};

Result<Fd> upgrade(const FakeDaemon& daemon, std::string_view guest = "vm") {
  return daemon.client().upgrade("/v1/guests/" + std::string(guest) + "/exec", soon());
}

ExecClient exec(const FakeDaemon& daemon) {
  auto connection = upgrade(daemon);
  REQUIRE_MESSAGE(connection.has_value(), (connection ? "" : connection.error().message));
  return ExecClient(*std::move(connection));
}

/// cat: what comes in goes out; the end of the input ends it with 7.
std::vector<Frame> cat(const Frame& frame) {
  if (frame.type != FrameType::kStdin) return {};
  if (frame.payload.empty()) return {{FrameType::kStderr, "done"}, {FrameType::kResult, R"({"exit":7})"}};
  return {{FrameType::kStdout, frame.payload}};
}

bool got_signal(FakeDaemon& daemon, int signal) {
  const std::lock_guard lock(daemon.shared.mutex);
  return std::ranges::any_of(daemon.shared.frames, [&](const Frame& frame) {
    return frame.type == FrameType::kSignal && frame.payload == std::string(1, static_cast<char>(signal));
  });
}

bool no_channel_is_open(FakeDaemon& daemon) {
  return eventually([&] {
    const std::lock_guard lock(daemon.shared.mutex);
    return daemon.shared.open_channels == 0;
  });
}

}  // namespace

TEST_CASE("exec_relays_a_command_from_beginning_to_end") {
  FakeDaemon daemon;
  daemon.locked()->script = cat;
  ExecClient client = exec(daemon);
  client.say(FrameType::kExec, R"({"argv":["cat"]})");
  client.say(FrameType::kStdin, "hello");
  client.expect(FrameType::kStdout, "hello");
  const std::string large(hostproto::kMaxFramePayload, 'x');
  client.say(FrameType::kStdin, large);
  client.expect(FrameType::kStdout, large);
  client.say(FrameType::kStdin, "");
  client.expect(FrameType::kStderr, "done");
  client.expect(FrameType::kResult, R"({"exit":7})");
  CHECK_FALSE(client.hear().has_value());
  CHECK(no_channel_is_open(daemon));
}

TEST_CASE("exec_takes_frames_sent_together_with_the_request") {
  FakeDaemon daemon;
  daemon.locked()->script = cat;
  const Fd idle = *upgrade(daemon, "other");  // another guest's channel does not matter
  ExecClient client = exec(daemon);
  client.say_raw(hostproto::encode_frame(FrameType::kExec, "{}") + hostproto::encode_frame(FrameType::kStdin, "a") +
                 hostproto::encode_frame(FrameType::kStdin, ""));
  client.expect(FrameType::kStdout, "a");
  client.expect(FrameType::kStderr, "done");
  client.expect(FrameType::kResult, R"({"exit":7})");
}

TEST_CASE("several_commands_run_in_a_guest_as_long_as_a_channel_is_free") {
  FakeDaemon daemon;
  daemon.locked()->most_channels = 2;
  daemon.locked()->script = cat;
  {
    ExecClient first = exec(daemon);
    ExecClient second = exec(daemon);
    first.say(FrameType::kExec, "{}");
    second.say(FrameType::kExec, "{}");
    const auto third = upgrade(daemon);
    REQUIRE_FALSE(third.has_value());
    CHECK(third.error().code == Errc::kConflict);
    CHECK(third.error().message == "no channel is free");
    for (ExecClient* client : {&first, &second, &first}) {
      client->say(FrameType::kStdin, "x");
      client->expect(FrameType::kStdout, "x");
    }
  }
  CHECK(no_channel_is_open(daemon));
  CHECK(eventually([&] { return upgrade(daemon).has_value(); }));
}

TEST_CASE("exec_refuses_other_upgrades_and_names") {
  FakeDaemon daemon;
  CHECK(daemon.ask("POST", "/v1/guests/vm/exec").status == 426);
  CHECK(upgrade(daemon, "VM").error().code == Errc::kInvalid);
  CHECK(daemon.shared.calls_now().empty());
}

TEST_CASE("exec_refuses_frames_that_are_not_the_clients_to_send") {
  FakeDaemon daemon;
  for (const FrameType type :
       {FrameType::kPoweroff, FrameType::kHello, FrameType::kTrust, FrameType::kResult, FrameType::kStdin}) {
    ExecClient client = exec(daemon);
    client.say(type, "");
    const auto frame = client.hear();
    REQUIRE(frame.has_value());
    CHECK(frame->type == FrameType::kResult);
    CHECK(frame->payload.contains("\"error\""));
    CHECK_FALSE(client.hear().has_value());
    CHECK(no_channel_is_open(daemon));
  }
  {
    ExecClient client = exec(daemon);
    client.say_raw("garbage");
    const auto frame = client.hear();
    REQUIRE(frame.has_value());
    CHECK(frame->payload.contains("\"error\""));
  }
  CHECK(no_channel_is_open(daemon));
  const std::lock_guard lock(daemon.shared.mutex);
  CHECK(daemon.shared.frames.empty());
}

TEST_CASE("the_size_of_a_terminal_reaches_the_guest_once_its_command_has_begun") {
  FakeDaemon daemon;
  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type != FrameType::kWindow) return {};
    return {{FrameType::kStdout, frame.payload}, {FrameType::kResult, "{}"}};
  };
  const std::string window = hostproto::encode_window({.rows = 24, .columns = 80});
  {
    ExecClient early = exec(daemon);
    early.say_raw(window);
    CHECK(early.hear()->payload.contains("\"error\""));
  }
  ExecClient client = exec(daemon);
  client.say(FrameType::kExec, "{}");
  client.say_raw(window);
  client.expect(FrameType::kStdout, window.substr(hostproto::kFrameHeader));
}

TEST_CASE("a_command_ends_with_its_client") {
  FakeDaemon daemon;
  SUBCASE("politely") {
    daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
      if (frame.type != FrameType::kSignal) return {};
      return {{FrameType::kStdout, "still talking"}, {FrameType::kResult, R"({"signal":15})"}};
    };
    {
      ExecClient client = exec(daemon);
      client.say(FrameType::kExec, "{}");
      CHECK(eventually([&] {
        const std::lock_guard lock(daemon.shared.mutex);
        return !daemon.shared.frames.empty();
      }));
    }
    CHECK(no_channel_is_open(daemon));
    CHECK(got_signal(daemon, SIGTERM));
    CHECK_FALSE(got_signal(daemon, SIGKILL));
  }
  SUBCASE("or_by_force") {
    daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
      const bool killed = frame.type == FrameType::kSignal && frame.payload[0] == SIGKILL;
      return killed ? std::vector<Frame>{{FrameType::kResult, R"({"signal":9})"}} : std::vector<Frame>{};
    };
    {
      ExecClient client = exec(daemon);
      client.say(FrameType::kExec, "{}");
      CHECK(eventually([&] {
        const std::lock_guard lock(daemon.shared.mutex);
        return !daemon.shared.frames.empty();
      }));
    }
    daemon.locked()->most_channels = 1;
    CHECK(upgrade(daemon).error().code == Errc::kConflict);  // its channel is taken until it is over
    CHECK(no_channel_is_open(daemon));
    CHECK(got_signal(daemon, SIGTERM));
    CHECK(got_signal(daemon, SIGKILL));
  }
}

TEST_CASE("a_client_that_goes_is_noticed_behind_input_that_nobody_takes") {
  FakeDaemon daemon;
  daemon.locked()->guest_takes_nothing = true;
  {
    ExecClient client = exec(daemon);
    client.say(FrameType::kExec, "{}");
    client.say(FrameType::kStdin, "stuck");
    client.say(FrameType::kStdin, std::string(30'000, 'x'));
    CHECK(eventually([&] {
      const std::lock_guard lock(daemon.shared.mutex);
      return daemon.shared.frames.size() == 2;
    }));
  }
  CHECK(no_channel_is_open(daemon));
}

TEST_CASE("unasked_output_of_a_guest_is_dropped") {
  FakeDaemon daemon;
  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type != FrameType::kExec) return {};
    return {
        {FrameType::kHello, "x"}, {FrameType::kPoweroff, ""}, {FrameType::kStdout, "out"}, {FrameType::kResult, "{}"}};
  };
  ExecClient client = exec(daemon);
  client.say(FrameType::kExec, "{}");
  client.expect(FrameType::kStdout, "out");
  client.expect(FrameType::kResult, "{}");
  CHECK_FALSE(client.hear().has_value());
}

namespace {

std::size_t input_so_far(FakeDaemon& daemon) {
  const std::lock_guard lock(daemon.shared.mutex);
  std::size_t bytes = 0;
  for (const Frame& frame : daemon.shared.frames) bytes += frame.type == FrameType::kStdin ? frame.payload.size() : 0;
  return bytes;
}

/// Frames of input that are `bytes` in all.
std::string input_frames(std::size_t bytes) {
  std::string frames;
  for (std::size_t sent = 0; sent < bytes; sent += hostproto::kMaxFramePayload) {
    frames += hostproto::encode_frame(FrameType::kStdin, std::string(hostproto::kMaxFramePayload, 'x'));
  }
  return frames;
}

Frame taken(std::uint32_t bytes) {
  return {FrameType::kStdin, hostproto::encode_input_taken(bytes).substr(hostproto::kFrameHeader)};
}

}  // namespace

TEST_CASE("a_signal_passes_a_window_of_input_that_nobody_takes") {
  FakeDaemon daemon;
  ExecClient client = exec(daemon);
  client.say(FrameType::kExec, "{}");
  client.say_all(input_frames(hostproto::kStdinWindow));
  client.say(FrameType::kSignal, std::string(1, SIGINT));
  CHECK(eventually([&] { return got_signal(daemon, SIGINT); }));
  CHECK(input_so_far(daemon) == hostproto::kStdinWindow);
}

TEST_CASE("input_beyond_the_window_waits_and_its_command_still_ends_with_its_client") {
  FakeDaemon daemon;
  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type != FrameType::kSignal) return {};
    return {{FrameType::kResult, R"({"signal":15})"}};
  };
  {
    ExecClient client = exec(daemon);
    client.say(FrameType::kExec, "{}");
    client.say_all(input_frames(hostproto::kStdinWindow + hostproto::kMaxFramePayload / 2));
    CHECK(eventually([&] { return input_so_far(daemon) == hostproto::kStdinWindow; }));
  }
  CHECK(no_channel_is_open(daemon));
  CHECK(got_signal(daemon, SIGTERM));
  CHECK(input_so_far(daemon) == hostproto::kStdinWindow);
}

TEST_CASE("acknowledged_input_makes_room_and_the_client_hears_of_it") {
  FakeDaemon daemon;
  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type == FrameType::kStdin && frame.payload.empty()) return {{FrameType::kResult, "{}"}};
    if (frame.type != FrameType::kStdin) return {};
    return {taken(static_cast<std::uint32_t>(frame.payload.size()))};
  };
  ExecClient client = exec(daemon);
  client.say(FrameType::kExec, "{}");
  const std::size_t all = 4 * hostproto::kStdinWindow;
  client.say_all(input_frames(all) + hostproto::encode_frame(FrameType::kStdin, ""));
  std::size_t heard = 0;
  for (auto frame = client.hear(); frame->type == FrameType::kStdin; frame = client.hear()) {
    heard += hostproto::decode_input_taken(frame->payload).value();
  }
  CHECK(heard == all);
  CHECK(input_so_far(daemon) == all);
}

TEST_CASE("invariant_7_a_guest_cannot_acknowledge_what_was_not_sent") {
  FakeDaemon daemon;
  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type == FrameType::kExec) return {taken(1'000'000'000), {FrameType::kStdin, "junk!"}};
    if (frame.payload == "five.") return {taken(3), taken(1000), {FrameType::kResult, "{}"}};
    return {};
  };
  ExecClient client = exec(daemon);
  client.say(FrameType::kExec, "{}");
  for (int i = 0; i < 2; ++i) client.expect(FrameType::kStdin, taken(0).payload);
  client.say(FrameType::kStdin, "five.");
  client.expect(FrameType::kStdin, taken(3).payload);
  client.expect(FrameType::kStdin, taken(2).payload);
  client.expect(FrameType::kResult, "{}");
}
