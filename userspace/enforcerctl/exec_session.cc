#include "enforcerctl/exec_session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "enforcerctl/raw_terminal.h"

namespace enforcer::ctl {
namespace {

using hostproto::FrameType;

constexpr std::size_t kPiece = 16 * 1024;
/// Beyond this much in one direction the other end has to wait.
constexpr std::size_t kHighWater = 256 * 1024;
/// After POLLOUT a pipe takes this much without blocking (PIPE_BUF, pipe(7)).
constexpr std::size_t kPipeBuf = 4096;
/// A command that ignores so many SIGINT will not listen to the next one either.
constexpr int kPatientInterrupts = 3;
/// What a shell says of a command that it cannot start (POSIX XCU 2.8.2).
constexpr int kNotExecutable = 126;
constexpr int kCommandNotFound = 127;

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) sigaddset(&set, signal);
  return set;
}

short wanted(bool condition, short events) {
  return condition ? events : short{0};
}

/// {"exit":n} | {"signal":n} | {"error":"...","status":n}, written by the guest: anything else is an error too.
Result<ExecOutcome> parse_result(std::string_view payload) {
  const auto result = nlohmann::json::parse(payload, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* name, int limit) -> std::optional<int> {
    if (!result.is_object() || !result.contains(name) || !result[name].is_number_unsigned()) return std::nullopt;
    const auto value = result[name].get<std::uint64_t>();
    if (value > static_cast<std::uint64_t>(limit)) return std::nullopt;
    return static_cast<int>(value);
  };
  if (const auto status = number("exit", 255)) return ExecOutcome{.status = *status, .failure = {}};
  if (const auto signal = number("signal", 127)) return ExecOutcome{.status = 128 + *signal, .failure = {}};
  if (result.is_object() && result.contains("error") && result["error"].is_string()) {
    const std::string failure = escape_untrusted(result["error"].get<std::string>(), 256);
    const auto status = number("status", kCommandNotFound);
    if (!status || *status < kNotExecutable) return fail(Errc::kIo, failure);
    return ExecOutcome{.status = *status, .failure = failure};
  }
  return fail(Errc::kIo, "the guest sent a result that makes no sense");
}

}  // namespace

Result<SignalWatch> SignalWatch::begin() {
  const sigset_t set = watched_signals();
  Fd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return fail_errno("signalfd");
  if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return fail(Errc::kIo, "signals cannot be blocked");
  // In the background, reading the terminal is then an error (EIO, end of input) instead of a stop.
  std::signal(SIGTTIN, SIG_IGN);
  return SignalWatch(std::move(fd));
}

SignalWatch::SignalWatch(SignalWatch&& other) noexcept : fd_(std::move(other.fd_)) {}

SignalWatch::~SignalWatch() {
  if (!fd_.valid()) return;
  // What arrived in the meantime was meant for the run that is over.
  while (take() != 0) {
  }
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

int SignalWatch::take() const {
  signalfd_siginfo info{};
  if (read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return 0;
  return static_cast<int>(info.ssi_signo);
}

int SignalWatch::take_ending() const {
  int signal = take();
  while (signal == SIGWINCH) signal = take();
  return signal;
}

hostproto::WindowSize StandardStreams::window() const {
  for (const int fd : {out, in, err}) {
    if (const auto size = window_of(fd)) return *size;
  }
  return {};
}

ExecSession::ExecSession(Fd connection, const std::string& command, StandardStreams streams, const SignalWatch& signals,
                         Far far)
    : connection_(std::move(connection)),
      streams_(streams),
      signals_(signals),
      far_(far),
      to_guest_(encode_frame(FrameType::kExec, command)) {}

Result<ExecOutcome> ExecSession::run() {
  while (!result_seen_ || !drained()) {
    if (interrupts_ >= kPatientInterrupts) return ExecOutcome{.status = 128 + SIGINT, .failure = {}};
    if (ended_by_ != 0) return ExecOutcome{.status = 128 + ended_by_, .failure = {}};
    TRY_VOID(turn());
  }
  return outcome_;
}

Result<> ExecSession::turn() {
  const bool takes_input =
      input_open_ && !result_seen_ && to_guest_.size() < kHighWater && in_flight_ + kPiece <= hostproto::kStdinWindow;
  const bool takes_output = !result_seen_ && pending_out_.size() < kHighWater && pending_err_.size() < kHighWater;
  std::array<pollfd, 5> events{{
      {takes_input ? streams_.in : -1, POLLIN, 0},
      {result_seen_ ? -1 : connection_.get(),
       static_cast<short>(wanted(takes_output, POLLIN) | wanted(!to_guest_.empty(), POLLOUT)), 0},
      {signals_.fd(), POLLIN, 0},
      {pending_out_.empty() ? -1 : streams_.out, POLLOUT, 0},
      {pending_err_.empty() ? -1 : streams_.err, POLLOUT, 0},
  }};
  // A command may be silent for as long as it likes: what ends this wait is the command, the guest, or a signal.
  if (poll(events.data(), events.size(), -1) < 0 && errno != EINTR) return fail_errno("poll");
  if (events[2].revents != 0) take_signals();
  if (events[0].revents != 0) read_input();
  if ((events[1].revents & POLLOUT) != 0) write_connection();
  // With a hang-up, what is left is read even when nobody waits for room: it is bounded by the socket's buffer.
  if ((events[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) TRY_VOID(read_connection());
  if (events[3].revents != 0) write_output(streams_.out, pending_out_, out_open_);
  if (events[4].revents != 0) write_output(streams_.err, pending_err_, err_open_);
  return {};
}

Result<> ExecSession::read_connection() {
  std::array<char, kPiece> buffer;
  const ssize_t size = recv(connection_.get(), buffer.data(), buffer.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (size <= 0) return fail(Errc::kUnavailable, "the connection to the guest was lost");
  const auto fed = reader_.feed(as_bytes({buffer.data(), static_cast<std::size_t>(size)}));
  while (const auto frame = reader_.next()) TRY_VOID(take_frame(*frame));
  if (!fed && !result_seen_) return fed;
  return {};
}

Result<> ExecSession::take_frame(const hostproto::Frame& frame) {
  if (result_seen_) return {};
  if (frame.type == FrameType::kStdout && out_open_) pending_out_ += frame.payload;
  if (frame.type == FrameType::kStderr && err_open_) pending_err_ += frame.payload;
  if (frame.type == FrameType::kStdin) {
    const std::size_t taken = hostproto::decode_input_taken(frame.payload).value_or(0);
    in_flight_ -= std::min(taken, in_flight_);
  }
  if (frame.type == FrameType::kResult) {
    result_seen_ = true;
    outcome_ = TRY(parse_result(frame.payload));
  }
  return {};
}

void ExecSession::write_connection() {
  const ssize_t sent = send(connection_.get(), to_guest_.data(), to_guest_.size(), MSG_NOSIGNAL);
  // A failure shows as the end of the connection, after what it still has to give.
  if (sent > 0) to_guest_.erase(0, static_cast<std::size_t>(sent));
  if (sent < 0 && errno != EAGAIN && errno != EINTR) to_guest_.clear();
}

void ExecSession::read_input() {
  std::array<char, kPiece> buffer;
  const ssize_t size = read(streams_.in, buffer.data(), buffer.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const std::size_t got = size > 0 ? static_cast<std::size_t>(size) : 0;
  if (got == 0) input_open_ = false;
  in_flight_ += got;
  // An empty frame is the end of the input.
  to_guest_ += encode_frame(FrameType::kStdin, {buffer.data(), got});
}

void ExecSession::take_signals() {
  while (const int signal = signals_.take()) take_signal(signal);
}

void ExecSession::take_signal(int signal) {
  const bool terminal = far_ == Far::kTerminal;
  if (signal == SIGWINCH) {
    if (terminal) to_guest_ += hostproto::encode_window(streams_.window());
    return;
  }
  if (terminal && (signal == SIGTERM || signal == SIGHUP)) {
    ended_by_ = signal;
    return;
  }
  if (signal == SIGINT) ++interrupts_;
  to_guest_ += encode_frame(FrameType::kSignal, std::string(1, static_cast<char>(signal)));
}

void ExecSession::write_output(int fd, std::string& pending, bool& open) {
  const ssize_t written = write(fd, pending.data(), std::min(pending.size(), kPipeBuf));
  if (written >= 0) {
    pending.erase(0, static_cast<std::size_t>(written));
    return;
  }
  if (errno == EAGAIN || errno == EINTR) return;
  pending.clear();
  open = false;
  to_guest_ += encode_frame(FrameType::kSignal, std::string(1, static_cast<char>(SIGPIPE)));
}

}  // namespace enforcer::ctl
