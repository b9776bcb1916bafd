// A command in a guest with a terminal: what the session and the local terminal do for it.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <thread>
#include <vector>

#include "enforcerctl/exec_session.h"
#include "enforcerctl/raw_terminal.h"

using namespace enforcer;
using namespace enforcer::ctl;
using hostproto::Frame;
using hostproto::FrameType;

namespace {

/// A terminal whose keys and screen are the test's.
struct Screen {
  Screen() {
    int ends[2];
    const winsize size{.ws_row = 30, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(openpty(&ends[0], &ends[1], nullptr, nullptr, &size) == 0);
    keys = Fd(ends[0]);
    terminal = Fd(ends[1]);
  }
  void type(std::string_view text) const {
    CHECK(write(keys.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void resize(unsigned short rows, unsigned short columns) const {
    const winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(ioctl(keys.get(), TIOCSWINSZ, &size) == 0);
  }
  [[nodiscard]] termios modes() const {
    termios modes{};
    REQUIRE(tcgetattr(terminal.get(), &modes) == 0);
    return modes;
  }
  Fd keys, terminal;
};

/// A session on that terminal; the far end runs on a thread of its own, which may answer every frame.
struct FarEnd {
  using Answer = std::function<std::vector<Frame>(const Frame&)>;

  explicit FarEnd(Answer answer) {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    guest_ = Fd(ends[0]);
    connection = Fd(ends[1]);
    fcntl(connection.get(), F_SETFL, O_NONBLOCK);
    thread_ = std::thread([this, answer = std::move(answer)] {
      hostproto::FrameReader reader;
      char buffer[4096];
      while (true) {
        const ssize_t size = read(guest_.get(), buffer, sizeof buffer);
        if (size <= 0 || !reader.feed(as_bytes({buffer, static_cast<std::size_t>(size)}))) return;
        while (const auto frame = reader.next()) {
          heard_.push_back(*frame);
          for (const Frame& said : answer(*frame)) {
            const std::string bytes = hostproto::encode_frame(said.type, said.payload);
            if (write(guest_.get(), bytes.data(), bytes.size()) < 0) return;
          }
        }
      }
    });
  }
  ~FarEnd() {
    if (thread_.joinable()) thread_.join();
  }

  Result<ExecOutcome> run(const Screen& screen, const SignalWatch& signals, ExecSession::Far far) {
    const int fd = screen.terminal.get();
    ExecSession session(std::move(connection), "{}", {.in = fd, .out = fd, .err = fd}, signals, far);
    return session.run();
  }
  /// What reached the far end, once the session is over.
  std::vector<Frame> finish() {
    thread_.join();
    return heard_;
  }

  Fd connection;

 private:
  Fd guest_;
  std::vector<Frame> heard_;
  std::thread thread_;
};

bool same_modes(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_lflag == b.c_lflag && a.c_cflag == b.c_cflag;
}

std::size_t count_of(const std::vector<Frame>& frames, FrameType type) {
  std::size_t count = 0;
  for (const Frame& frame : frames) count += frame.type == type ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a_resized_terminal_is_told_to_a_command_that_has_one") {
  const Screen screen;
  const auto signals = SignalWatch::begin();
  REQUIRE(signals.has_value());
  FarEnd far([&, here = pthread_self()](const Frame& frame) -> std::vector<Frame> {
    if (frame.type == FrameType::kExec) {
      screen.resize(51, 133);
      pthread_kill(here, SIGWINCH);
    }
    if (frame.type != FrameType::kWindow) return {};
    return {{FrameType::kResult, R"({"exit":0})"}};
  });
  CHECK(far.run(screen, *signals, ExecSession::Far::kTerminal).has_value());
  const auto heard = far.finish();
  REQUIRE(heard.size() == 2);
  CHECK(hostproto::decode_window(heard[1].payload) == hostproto::WindowSize{.rows = 51, .columns = 133});
}

TEST_CASE("a_command_with_pipes_hears_nothing_of_a_terminal") {
  const Screen screen;
  const auto signals = SignalWatch::begin();
  FarEnd far([here = pthread_self()](const Frame& frame) -> std::vector<Frame> {
    if (frame.type == FrameType::kExec) {
      pthread_kill(here, SIGWINCH);
      pthread_kill(here, SIGTERM);
    }
    if (frame.type != FrameType::kSignal) return {};
    return {{FrameType::kResult, R"({"signal":15})"}};
  });
  const auto outcome = far.run(screen, *signals, ExecSession::Far::kPipes);
  REQUIRE(outcome.has_value());
  CHECK(outcome->status == 143);
  const auto heard = far.finish();
  CHECK(count_of(heard, FrameType::kWindow) == 0);
  CHECK(count_of(heard, FrameType::kSignal) == 1);
}

TEST_CASE("what_ends_this_process_ends_the_session_of_a_terminal_and_is_not_the_commands") {
  for (const int signal : {SIGTERM, SIGHUP}) {
    CAPTURE(signal);
    const Screen screen;
    const auto signals = SignalWatch::begin();
    FarEnd far([signal, here = pthread_self()](const Frame& frame) -> std::vector<Frame> {
      if (frame.type == FrameType::kExec) pthread_kill(here, signal);
      return {};
    });
    const auto outcome = far.run(screen, *signals, ExecSession::Far::kTerminal);
    REQUIRE(outcome.has_value());
    CHECK(outcome->status == 128 + signal);
    CHECK(count_of(far.finish(), FrameType::kSignal) == 0);
  }
}

TEST_CASE("an_interrupt_from_elsewhere_goes_to_the_command_with_a_terminal_too") {
  const Screen screen;
  const auto signals = SignalWatch::begin();
  FarEnd far([here = pthread_self()](const Frame& frame) -> std::vector<Frame> {
    if (frame.type == FrameType::kExec) pthread_kill(here, SIGINT);
    if (frame.type != FrameType::kSignal) return {};
    CHECK(frame.payload == std::string(1, SIGINT));
    return {{FrameType::kResult, R"({"signal":2})"}};
  });
  CHECK(far.run(screen, *signals, ExecSession::Far::kTerminal)->status == 130);
}

TEST_CASE("keys_go_to_the_command_as_they_are_and_its_output_comes_as_it_is") {
  const Screen screen;
  const termios before = screen.modes();
  const auto signals = SignalWatch::begin();
  {
    const auto raw = RawTerminal::begin(screen.terminal.get());
    REQUIRE(raw.has_value());
    CHECK_FALSE(same_modes(screen.modes(), before));
    screen.type("\x03\x1a\x04\r");
    std::string typed;
    FarEnd far([&typed](const Frame& frame) -> std::vector<Frame> {
      if (frame.type != FrameType::kStdin) return {};
      typed += frame.payload;
      if (typed.size() < 4) return {};
      return {{FrameType::kStdout, "a\nb\r\n"}, {FrameType::kResult, R"({"exit":7})"}};
    });
    const auto outcome = far.run(screen, *signals, ExecSession::Far::kTerminal);
    REQUIRE(outcome.has_value());
    CHECK(outcome->status == 7);
    far.finish();
    CHECK(typed == "\x03\x1a\x04\r");
    char shown[64];
    const ssize_t size = read(screen.keys.get(), shown, sizeof shown);
    CHECK(std::string_view(shown, static_cast<std::size_t>(size)) == "a\nb\r\n");  // and no echo before it
  }
  CHECK(same_modes(screen.modes(), before));
}

TEST_CASE("a_terminal_is_put_back_once_by_whoever_has_it_last") {
  const Screen screen;
  const termios before = screen.modes();
  {
    auto first = RawTerminal::begin(screen.terminal.get());
    REQUIRE(first.has_value());
    {
      const RawTerminal second(*std::move(first));
      CHECK_FALSE(same_modes(screen.modes(), before));
    }
    CHECK(same_modes(screen.modes(), before));
  }
  const Fd file(open("/dev/null", O_RDWR | O_CLOEXEC));
  CHECK_FALSE(RawTerminal::begin(file.get()).has_value());
}

TEST_CASE("what_nobody_has_read_when_a_terminal_is_put_back_is_not_the_shells") {
  const Screen screen;
  {
    const auto raw = RawTerminal::begin(screen.terminal.get());
    REQUIRE(raw.has_value());
    screen.type("\x1b[?62c\r");
  }
  screen.type("mine\r");
  char typed[64];
  const ssize_t size = read(screen.terminal.get(), typed, sizeof typed);
  REQUIRE(size > 0);
  CHECK(std::string_view(typed, static_cast<std::size_t>(size)) == "mine\n");
}

TEST_CASE("a_terminal_is_put_back_from_the_background_too") {
  const Screen screen;
  const termios before = screen.modes();
  const pid_t shell = fork();
  REQUIRE(shell >= 0);
  if (shell == 0) {
    // The terminal is this session's, and the job below is not in its foreground.
    const int fd = screen.terminal.get();
    if (setsid() < 0 || ioctl(fd, TIOCSCTTY, 0) != 0) _exit(2);
    auto raw = RawTerminal::begin(fd);
    if (!raw) _exit(2);
    const pid_t job = fork();
    if (job == 0) {
      setpgid(0, 0);
      {
        const RawTerminal last(*std::move(raw));
      }
      _exit(0);
    }
    int status = 0;
    if (job < 0 || waitpid(job, &status, WUNTRACED) != job) _exit(2);
    if (!WIFSTOPPED(status)) _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
    kill(job, SIGKILL);
    _exit(1);
  }
  int status = 0;
  REQUIRE(waitpid(shell, &status, 0) == shell);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(same_modes(screen.modes(), before));
}

TEST_CASE("the_size_is_that_of_the_first_stream_that_is_a_terminal") {
  const Screen screen;
  const Fd file(open("/dev/null", O_RDWR | O_CLOEXEC));
  const hostproto::WindowSize size{.rows = 30, .columns = 100};
  CHECK(window_of(screen.terminal.get()) == size);
  CHECK_FALSE(window_of(file.get()));
  CHECK(StandardStreams{.in = screen.terminal.get(), .out = file.get(), .err = file.get()}.window() == size);
  CHECK(StandardStreams{.in = file.get(), .out = file.get(), .err = file.get()}.window() ==
        hostproto::WindowSize{.rows = 24, .columns = 80});
  screen.resize(0, 0);  // a serial line knows no size
  CHECK_FALSE(window_of(screen.terminal.get()));
  CHECK_FALSE(is_typed_at(screen.terminal.get()));  // it is not the one that controls us
}
