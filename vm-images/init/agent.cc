#include "agent.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "console.h"
#include "user.h"
#include "workspaces.h"

namespace enforcer::guest {
namespace {

using hostproto::FrameType;

constexpr std::size_t kPiece = 32 * 1024;                // what the virtio-serial driver takes in one write
constexpr std::chrono::milliseconds kReconnectPoll{20};  // a port without a host cannot be waited for
constexpr std::chrono::milliseconds kTornAfter{1000};    // a frame that pauses that long may be the rest of an old one

short events_of(bool wanted, short events) {
  return wanted ? events : short{0};
}

/// An image that has an account for its work runs nothing as root unasked.
Result<Login> login_for(const ExecRequest& request) {
  std::string name = request.user.empty() ? "agent" : request.user;
  auto account = find_account(name);
  if (!account && request.user.empty() && account.error().code == Errc::kNotFound) {
    name = "root";
    account = find_account(name);
  }
  if (!account) return std::unexpected(account.error());
  return Login{.name = std::move(name), .account = *std::move(account)};
}

}  // namespace

Agent::Agent(Fd port, Trustee trustee) : port_(std::move(port)), trustee_(std::move(trustee)) {
  send(FrameType::kHello, "");
}

void Agent::add_waits(std::vector<pollfd>& waits) const {
  if (host_connected_) {  // otherwise it would report a hang-up at once, for ever
    const int events = events_of(input_.size() < kMaxInput, POLLIN) | events_of(!outgoing_.empty(), POLLOUT);
    waits.push_back({port_.get(), static_cast<short>(events), 0});
  }
  if (!command_) return;
  if (command_->starting.valid()) waits.push_back({command_->starting.get(), POLLIN, 0});
  // Its end, too, may have to wait until a terminal takes it.
  if (!input_.empty() || input_ended_) waits.push_back({command_->standard_input.get(), POLLOUT, 0});
  if (outgoing_.size() >= kMaxOutgoing) return;
  waits.push_back({command_->standard_output.get(), POLLIN, 0});
  waits.push_back({command_->standard_error.get(), POLLIN, 0});
}

std::optional<std::chrono::milliseconds> Agent::patience() const {
  if (!host_connected_) return kReconnectPoll;
  if (torn_) return std::chrono::ceil<std::chrono::milliseconds>(torn_->remaining());
  return std::nullopt;
}

void Agent::serve() {
  serve_port();
  check_start();
  if (command_) feed_command();
  if (command_) relay_output();
}

bool Agent::child_ended(pid_t pid, int status) {
  if (!command_ || pid != command_->pid()) return false;
  command_->reaped();
  check_start();
  if (command_) finish_command(status);
  return true;
}

void Agent::serve_port() {
  pollfd port{port_.get(), POLLIN | POLLOUT, 0};
  (void)::poll(&port, 1, 0);
  const bool connected = (port.revents & POLLHUP) == 0;
  if (host_connected_ && !connected) end_conversation();
  host_connected_ = connected;
  if (!connected) return;
  read_port();
  if (torn_ && torn_->passed()) {
    torn_.reset();
    if (reader_.resync_at_hello()) take_frames();
  }
  write_port();
}

void Agent::read_port() {
  std::array<char, kPiece> bytes;
  while (input_.size() < kMaxInput && standing_ == Standing::kServing) {
    const ssize_t count = ::read(port_.get(), bytes.data(), bytes.size());
    if (count <= 0) return;
    const bool whole = reader_.feed(as_bytes({bytes.data(), static_cast<std::size_t>(count)})).has_value();
    take_frames();
    // The middle of an older conversation's frame: skip to where the new one begins.
    if (!whole && reader_.resync_at_hello()) take_frames();
    torn_ = reader_.in_frame() ? std::optional(Deadline::after(kTornAfter)) : std::nullopt;
  }
}

void Agent::write_port() {
  std::size_t written = 0;
  while (written < outgoing_.size()) {
    const ssize_t count =
        ::write(port_.get(), outgoing_.data() + written, std::min(outgoing_.size() - written, kPiece));
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  outgoing_.erase(0, written);
}

void Agent::take_frames() {
  while (const auto frame = reader_.next()) obey(*frame);
}

void Agent::obey(const hostproto::Frame& frame) {
  switch (frame.type) {
    case FrameType::kHello:
      return begin_conversation(frame.payload);
    case FrameType::kTrust:
      return trustee_(frame.payload);
    case FrameType::kExec:
      return start_command(frame.payload);
    case FrameType::kStdin:
      if (!command_ || input_ended_) return;  // it has ended meanwhile: nobody reads this
      input_ += frame.payload;
      input_ended_ = frame.payload.empty();
      return;
    case FrameType::kSignal:
      if (command_ && frame.payload.size() == 1) command_->signal(static_cast<unsigned char>(frame.payload[0]));
      return;
    case FrameType::kWindow:
      if (const auto size = hostproto::decode_window(frame.payload); command_ && size) command_->resize(*size);
      return;
    case FrameType::kPoweroff:
      standing_ = Standing::kPowerOff;
      return;
    case FrameType::kClock:
      return set_clock(frame.payload);
    case FrameType::kStdout:
    case FrameType::kStderr:
    case FrameType::kResult:
      return;  // only the guest sends these
  }
}

/// Whatever was going on belonged to a host that is gone.
void Agent::begin_conversation(std::string_view nonce) {
  command_.reset();
  input_.clear();
  outgoing_.clear();
  send(FrameType::kHello, nonce);
}

void Agent::end_conversation() {
  command_.reset();
  input_.clear();
  outgoing_.clear();
  torn_.reset();
  reader_ = {};
}

/// The guest stood still for a while, and its wall clock with it.
void Agent::set_clock(std::string_view time) {
  const auto now = hostproto::decode_clock(time);
  if (!now) return;
  const auto since = now->time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const timespec value{.tv_sec = seconds.count(),
                       .tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count()};
  if (::clock_settime(CLOCK_REALTIME, &value) != 0) report("setting the clock", Result<>(fail_errno("clock_settime")));
}

void Agent::start_command(std::string_view request_text) {
  if (command_) return send_error("busy");
  const auto request = parse_exec_request(request_text);
  if (!request) return send_error(request.error().message);
  // Beside an empty folder it would do its work for nothing.
  if (const auto ready = workspaces_ready(); !ready) return send_error(ready.error().message);
  const auto login = login_for(*request);
  if (!login) return send_error(login.error().message);
  auto command = Command::start(*request, *login);
  if (!command) return send_error(command.error().message);
  input_.clear();
  input_ended_ = false;
  unacknowledged_ = 0;
  command_.emplace(*std::move(command));
}

void Agent::check_start() {
  if (!command_) return;
  const auto failure = command_->start_failure();
  if (!failure) return;
  command_.reset();
  input_.clear();
  send_start_failure(*failure);
}

void Agent::feed_command() {
  Fd& pipe = command_->standard_input;
  std::size_t taken = 0;
  while (pipe.valid() && taken < input_.size()) {
    const ssize_t count = ::write(pipe.get(), input_.data() + taken, input_.size() - taken);
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) pipe.reset();  // it has closed its standard input
    taken += count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  if (!pipe.valid()) taken = input_.size();
  input_.erase(0, taken);
  acknowledge_input(taken);
  if (input_ended_ && input_.empty()) command_->end_input();
}

void Agent::acknowledge_input(std::size_t taken) {
  unacknowledged_ += taken;
  if (unacknowledged_ == 0 || (unacknowledged_ < kPiece && !input_.empty())) return;
  outgoing_ += hostproto::encode_input_taken(static_cast<std::uint32_t>(std::exchange(unacknowledged_, 0)));
}

void Agent::relay_output() {
  relay(command_->standard_output, FrameType::kStdout, Take::kOnePiece);
  relay(command_->standard_error, FrameType::kStderr, Take::kOnePiece);
}

void Agent::relay(Fd& pipe, FrameType type, Take take) {
  // Everything is bounded too: a pipe holds 64 KiB, and a process left behind may go on writing into it.
  const std::size_t limit = take == Take::kEverything ? outgoing_.size() + 256 * 1024 : kMaxOutgoing;
  std::array<char, kPiece> bytes;
  while (pipe.valid() && outgoing_.size() < limit) {
    const ssize_t count = ::read(pipe.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return pipe.reset();
    send(type, {bytes.data(), static_cast<std::size_t>(count)});
    if (take == Take::kOnePiece) return;
  }
}

void Agent::finish_command(int status) {
  relay(command_->standard_output, FrameType::kStdout, Take::kEverything);
  relay(command_->standard_error, FrameType::kStderr, Take::kEverything);
  command_.reset();
  input_.clear();
  send(FrameType::kResult, WIFEXITED(status) ? fmt::format(R"({{"exit":{}}})", WEXITSTATUS(status))
                                             : fmt::format(R"({{"signal":{}}})", WTERMSIG(status)));
}

void Agent::send(FrameType type, std::string_view payload) {
  outgoing_ += hostproto::encode_frame(type, payload);
}

void Agent::send_error(std::string_view what) {
  const nlohmann::json result = {{"error", what}};
  send(FrameType::kResult, result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void Agent::send_start_failure(const Command::StartFailure& failure) {
  const nlohmann::json result = {{"error", failure.message}, {"status", failure.status}};
  send(FrameType::kResult, result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace enforcer::guest
