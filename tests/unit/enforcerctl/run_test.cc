// run: the standard streams, the signals and the end of a command in a guest.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <csignal>

#include "../control/fake_daemon.h"
#include "captured_terminal.h"
#include "enforcerctl/exec_session.h"
#include "redirected.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;
using hostproto::Frame;
using hostproto::FrameType;

namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    read_end = Fd(ends[0]);
    write_end = Fd(ends[1]);
  }
  Fd read_end, write_end;
};

std::string drain(const Fd& fd) {
  std::string all;
  char buffer[4096];
  for (ssize_t size = 0; (size = read(fd.get(), buffer, sizeof buffer)) > 0;)
    all.append(buffer, static_cast<std::size_t>(size));
  return all;
}

/// A session whose far end is played by the test.
struct Stage {
  Stage() {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    guest = Fd(ends[0]);
    connection = Fd(ends[1]);
    fcntl(connection.get(), F_SETFL, O_NONBLOCK);
  }
  void play(const std::vector<Frame>& frames) const {
    for (const Frame& frame : frames) {
      const std::string bytes = hostproto::encode_frame(frame.type, frame.payload);
      CHECK(write(guest.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
  }
  Result<ExecOutcome> run(const SignalWatch& signals) {
    ExecSession session(std::move(connection), "{}", {in.read_end.get(), out.write_end.get(), err.write_end.get()},
                        signals, ExecSession::Far::kPipes);
    auto outcome = session.run();
    out.write_end.reset();
    err.write_end.reset();
    return outcome;
  }
  Fd guest, connection;
  Pipe in, out, err;
};

int status_of(std::string_view result) {
  Stage stage;
  const auto signals = SignalWatch::begin();
  stage.play({{FrameType::kResult, std::string(result)}});
  const auto outcome = stage.run(*signals);
  return outcome ? outcome->status : -1;
}

}  // namespace

TEST_CASE("the_status_of_the_command_is_what_a_shell_would_say") {
  CHECK(status_of(R"({"exit":0})") == 0);
  CHECK(status_of(R"({"exit":42})") == 42);
  CHECK(status_of(R"({"signal":9})") == 137);
  CHECK(status_of(R"({"error":"no such file"})") == -1);
  CHECK(status_of(R"({"error":"no such file","status":127})") == 127);
  CHECK(status_of(R"({"error":"not yours","status":126})") == 126);
  CHECK(status_of(R"({"error":"busy","status":0})") == -1);
  CHECK(status_of(R"({"error":"busy","status":128})") == -1);
  for (const char* hostile :
       {"", "[]", "{}", R"({"exit":-1})", R"({"exit":256})", R"({"exit":"0"})", R"({"signal":200})", "\xff"}) {
    CAPTURE(hostile);
    CHECK(status_of(hostile) == -1);
  }
}

TEST_CASE("output_and_errors_of_the_command_stay_apart") {
  Stage stage;
  const auto signals = SignalWatch::begin();
  stage.play({{FrameType::kStdout, "o1"},
              {FrameType::kStderr, "e1"},
              {FrameType::kStdout, std::string("\x00\xff", 2)},
              {FrameType::kResult, R"({"exit":0})"}});
  CHECK(stage.run(*signals).has_value());
  CHECK(drain(stage.out.read_end) == "o1" + std::string("\x00\xff", 2));
  CHECK(drain(stage.err.read_end) == "e1");
}

TEST_CASE("a_guest_that_goes_away_is_an_error") {
  Stage stage;
  const auto signals = SignalWatch::begin();
  stage.play({{FrameType::kStdout, "half"}});
  stage.guest.reset();
  const auto outcome = stage.run(*signals);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == Errc::kUnavailable);
}

TEST_CASE("signals_go_to_the_command_and_the_third_interrupt_gives_up") {
  Stage stage;
  const auto signals = SignalWatch::begin();
  REQUIRE(signals.has_value());
  // To this thread, which blocks them; one after the other, because equal signals that wait are one.
  std::thread impatient([here = pthread_self()] {
    for (int i = 0; i < 3; ++i) {
      pthread_kill(here, SIGINT);
      poll(nullptr, 0, 100);
    }
  });
  const auto outcome = stage.run(*signals);
  impatient.join();
  REQUIRE(outcome.has_value());
  CHECK(outcome->status == 130);
  hostproto::FrameReader reader;
  REQUIRE(reader.feed(as_bytes(drain(stage.guest).substr(0, 4096))).has_value());
  CHECK(reader.next()->type == FrameType::kExec);
  const auto frame = reader.next();
  REQUIRE(frame.has_value());
  CHECK(frame->type == FrameType::kSignal);
  CHECK(frame->payload == std::string(1, static_cast<char>(SIGINT)));
}

TEST_CASE("a_reader_that_went_away_is_sigpipe_for_the_command") {
  std::signal(SIGPIPE, SIG_IGN);
  Stage stage;
  const auto signals = SignalWatch::begin();
  stage.out.read_end.reset();
  stage.play({{FrameType::kStdout, "nobody reads this"}});
  std::thread guest([&] {
    hostproto::FrameReader reader;
    char buffer[4096];
    while (true) {
      const ssize_t size = read(stage.guest.get(), buffer, sizeof buffer);
      if (size <= 0 || !reader.feed(as_bytes({buffer, static_cast<std::size_t>(size)}))) return;
      while (const auto frame = reader.next()) {
        if (frame->type != FrameType::kSignal) continue;
        CHECK(frame->payload == std::string(1, static_cast<char>(SIGPIPE)));
        stage.play({{FrameType::kResult, R"({"signal":13})"}});
        return;
      }
    }
  });
  const auto outcome = stage.run(*signals);
  guest.join();
  REQUIRE(outcome.has_value());
  CHECK(outcome->status == 141);
}

namespace {

/// The guest's end of a session, on a thread of its own: acknowledges input or not, and ends with what a signal does.
class Listener {
 public:
  enum class Reads { kEverything, kNothing };
  Listener(const Stage& stage, Reads reads, pthread_t session) {
    thread_ = std::thread([&stage, reads, session, this] {
      hostproto::FrameReader reader;
      char buffer[4096];
      while (true) {
        const ssize_t size = read(stage.guest.get(), buffer, sizeof buffer);
        if (size <= 0 || !reader.feed(as_bytes({buffer, static_cast<std::size_t>(size)}))) return;
        while (const auto frame = reader.next()) {
          if (frame->type == FrameType::kStdin && reads == Reads::kEverything) {
            const std::string taken = hostproto::encode_input_taken(static_cast<std::uint32_t>(frame->payload.size()));
            if (write(stage.guest.get(), taken.data(), taken.size()) < 0) return;
          }
          if (frame->type == FrameType::kStdin) input_ += frame->payload.size();
          const bool full = input_ + 16 * 1024 > hostproto::kStdinWindow;
          if (frame->type == FrameType::kStdin && reads == Reads::kNothing && full) pthread_kill(session, SIGTERM);
          const bool ended = frame->type == FrameType::kStdin && frame->payload.empty();
          if (frame->type == FrameType::kSignal) return stage.play({{FrameType::kResult, R"({"signal":15})"}});
          if (ended) return stage.play({{FrameType::kResult, R"({"exit":0})"}});
        }
      }
    });
  }

  /// The bytes of input that came, once the session is over.
  std::size_t finish() {
    thread_.join();
    return input_;
  }

 private:
  std::thread thread_;
  std::size_t input_ = 0;
};

constexpr std::size_t kLargeInput = std::size_t{16} << 20;

Fd large_input() {
  Fd file(memfd_create("input", MFD_CLOEXEC));
  REQUIRE(ftruncate(file.get(), kLargeInput) == 0);
  return file;
}

}  // namespace

TEST_CASE("a_signal_passes_input_that_the_command_does_not_read") {
  Stage stage;
  stage.in.read_end = large_input();
  const auto signals = SignalWatch::begin();
  Listener listener(stage, Listener::Reads::kNothing, pthread_self());
  const auto outcome = stage.run(*signals);
  const std::size_t input = listener.finish();
  REQUIRE(outcome.has_value());
  CHECK(outcome->status == 143);
  CHECK(input <= hostproto::kStdinWindow);
}

TEST_CASE("input_that_the_command_reads_goes_on_beyond_the_window") {
  Stage stage;
  stage.in.read_end = large_input();
  const auto signals = SignalWatch::begin();
  Listener listener(stage, Listener::Reads::kEverything, pthread_self());
  const auto outcome = stage.run(*signals);
  const std::size_t input = listener.finish();
  REQUIRE(outcome.has_value());
  CHECK(outcome->status == 0);
  CHECK(input == kLargeInput);
}

TEST_CASE("run_feels_like_running_the_command_and_leaves_no_guest") {
  FakeDaemon daemon;
  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type == FrameType::kExec) return {{FrameType::kStdout, frame.payload + "\n"}};
    if (frame.type != FrameType::kStdin) return {};
    if (frame.payload.empty()) return {{FrameType::kResult, R"({"exit":3})"}};
    return {{FrameType::kStdout, frame.payload}};
  };
  const std::string in = daemon.folder.write("in", std::string(200'000, 'i'));
  const std::string out = daemon.folder.file("out");
  Ran ran;
  {
    const Redirected redirected(in, out);
    ran = run({"run", "--socket", daemon.socket(), "-l", "role=agent", "-e", "A=b,c", "--memory", "128", "--", "curl",
               "-o", "x", "--help"});
  }
  CHECK(ran.status == 3);
  CHECK(ran.out.empty());
  CHECK(ran.err.empty());
  const std::string text = read_file(out);
  CHECK(text.starts_with(R"({"argv":["curl","-o","x","--help"],"env":{"A":"b,c"}})"));
  CHECK(text.ends_with(std::string(200'000, 'i')));
  const auto calls = daemon.shared.calls_now();
  REQUIRE(calls.size() == 3);
  CHECK(calls[0].starts_with("create run-"));
  CHECK(calls[0].ends_with(" mini 128 ephemeral"));
  CHECK(calls[1].starts_with("exec run-"));
  CHECK(calls[2].starts_with("delete run-"));
  CHECK(daemon.locked()->guests.empty());
}

TEST_CASE("run_in_a_named_guest_leaves_it_alone_and_needs_no_dashes") {
  FakeDaemon daemon;
  daemon.locked()->guests.push_back(guest_info("vm"));
  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type != FrameType::kExec) return {};
    return {{FrameType::kStdout, frame.payload}, {FrameType::kResult, R"({"exit":0})"}};
  };
  const std::string out = daemon.folder.file("out");
  for (const std::vector<std::string>& tail :
       std::vector<std::vector<std::string>>{{"status", "-o", "json"}, {"--", "status", "-o", "json"}}) {
    std::vector<std::string> arguments{"run", "--socket", daemon.socket(), "--guest", "vm"};
    arguments.insert(arguments.end(), tail.begin(), tail.end());
    Ran ran;
    {
      const Redirected redirected("/dev/null", out);
      ran = run(arguments);
    }
    CAPTURE(ran.err);
    CHECK(ran.status == 0);
    CHECK(read_file(out).contains(R"("argv":["status","-o","json"])"));
  }
  CHECK(daemon.locked()->guests.size() == 1);
}

TEST_CASE("run_sets_the_placeholders_of_the_guest_unless_the_command_line_says_otherwise") {
  FakeDaemon daemon;
  daemon.locked()->guests.push_back(guest_info("vm"));
  daemon.locked()->environment = {{"GH_TOKEN", "placeholder"}, {"KEY", "placeholder"}};
  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type != FrameType::kExec) return {};
    return {{FrameType::kStdout, frame.payload}, {FrameType::kResult, R"({"exit":0})"}};
  };
  const std::string out = daemon.folder.file("out");
  for (const std::vector<std::string>& where : std::vector<std::vector<std::string>>{{"--guest", "vm"}, {}}) {
    std::vector<std::string> arguments{"run", "--socket", daemon.socket(), "-e", "KEY=mine", "-e", "X=y"};
    arguments.insert(arguments.end(), where.begin(), where.end());
    arguments.insert(arguments.end(), {"--", "true"});
    Ran ran;
    {
      const Redirected redirected("/dev/null", out);
      ran = run(arguments);
    }
    CAPTURE(ran.err);
    CHECK(ran.status == 0);
    CHECK(read_file(out).contains(R"("env":{"GH_TOKEN":"placeholder","KEY":"mine","X":"y"})"));
  }
  CHECK(run({"run", "--socket", daemon.socket(), "--guest", "nobody", "--", "true"}).status == 125);
}

TEST_CASE("a_command_that_is_not_found_is_127_and_failures_of_run_itself_are_125_and_neither_leaves_a_guest") {
  FakeDaemon daemon;
  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type != FrameType::kExec) return {};
    return {{FrameType::kResult, R"({"error":"\u001b[2Jnosuch: No such file or directory","status":127})"}};
  };
  Ran ran;
  {
    const Redirected redirected("/dev/null", daemon.folder.file("out"));
    ran = run({"run", "--socket", daemon.socket(), "--", "nosuch"});
  }
  CHECK(ran.status == 127);
  CHECK(ran.err == "enforcerctl: \\x1b[2Jnosuch: No such file or directory\n");
  CHECK(daemon.locked()->guests.empty());
  daemon.locked()->error = Error{Errc::kUnavailable, "enforcer-hostd is not connected"};
  CHECK(run({"run", "--socket", daemon.socket(), "--", "true"}).status == 125);
  daemon.locked()->error.reset();
  daemon.locked()->most_channels = 0;
  const Ran busy = run({"run", "--socket", daemon.socket(), "--", "true"});
  CHECK(busy.status == 125);
  CHECK(busy.err == "enforcerctl: no channel is free\n");
  CHECK(daemon.locked()->guests.empty());
}

TEST_CASE("an_interrupt_while_booting_leaves_no_guest") {
  FakeDaemon daemon;
  daemon.locked()->boots = false;
  std::thread interrupter([&, here = pthread_self()] {
    eventually([&] {
      const std::lock_guard lock(daemon.shared.mutex);
      return !daemon.shared.guests.empty();
    });
    pthread_kill(here, SIGTERM);
  });
  const Ran ran = run({"run", "--socket", daemon.socket(), "--", "true"});
  interrupter.join();
  CHECK(ran.status == 128 + SIGTERM);
  CHECK(daemon.locked()->guests.empty());
}
