#include "credentials/helper_loop.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <list>

#include "base/log.h"
#include "base/text.h"
#include "credentials/command.h"
#include "credentials/command_output.h"
#include "credentials/helper_packet.h"

namespace enforcer::credentials {
namespace {

using Outcome = HelperReply::Outcome;

struct Run {
  HelperRequest request;
  Shape shape;
  ExecSource::Purpose purpose;
  std::unique_ptr<Command> command;
};

class Loop {
 public:
  Loop(Fd socket, Fd signals, const ExecLoader& loader, const ExecLimits& limits, const std::vector<ExecSource>& always)
      : socket_(std::move(socket)), signals_(std::move(signals)), loader_(loader), limits_(limits), always_(always) {}

  /// Returns when there is nobody left to work for.
  void run() {
    while (turn()) {
      while (!waiting_.empty() && runs_.size() < limits_.at_once) {
        const HelperRequest next = std::move(waiting_.front());
        waiting_.pop_front();
        begin(next);
      }
    }
  }

 private:
  bool turn() {
    std::vector<pollfd> polled{{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                               {.fd = signals_.get(), .events = POLLIN, .revents = 0}};
    auto patience = std::chrono::nanoseconds::max();
    for (const Run& run : runs_) {
      for (const int fd : {run.command->out(), run.command->err(), run.command->ended()}) {
        polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});  // -1 is passed over by poll(2)
      }
      patience = std::min(patience, run.command->deadline().remaining());
    }
    const int timeout =
        runs_.empty() ? -1 : static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(patience).count());
    if (poll(polled.data(), polled.size(), timeout) < 0 && errno != EINTR) return false;
    if (polled[1].revents != 0) return false;
    const pollfd* entry = polled.data() + 2;
    for (auto run = runs_.begin(); run != runs_.end(); entry += 3) {
      run->command->read();
      const bool over = entry[2].revents != 0 || run->command->printed_too_much() || run->command->deadline().passed();
      if (over) end(*run);
      run = over ? runs_.erase(run) : std::next(run);
    }
    return polled[0].revents == 0 || take_request();
  }

  /// False: the socket is at its end, or what came is no request, and then enforcerd is not itself any more.
  bool take_request() {
    const ssize_t size = recv(socket_.get(), packet_.data(), packet_.size(), MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) return false;
    const auto request = decode_request({packet_.data(), static_cast<std::size_t>(size)});
    if (!request) {
      log_error("the credential helper got {}: it ends", request.error().message);
      return false;
    }
    if (runs_.size() < limits_.at_once) {
      begin(*request);
    } else if (waiting_.size() < limits_.waiting) {
      waiting_.push_back(*request);
    } else {
      reply(request->number, Outcome::kFailed, "too many commands are waiting");
    }
    return true;
  }

  /// Null: nobody has named a command for it.
  const ExecSource* source_of(std::string_view name) {
    const auto fixed = std::ranges::find(always_, name, &ExecSource::name);
    if (fixed != always_.end()) return &*fixed;
    if (auto loaded = loader_()) {
      table_ = *std::move(loaded);
    } else {
      log_warning("credential files do not load in the helper, which goes on with what it knows: {}",
                  loaded.error().message);
    }
    const auto source = std::ranges::find(table_, name, &ExecSource::name);
    return source == table_.end() ? nullptr : &*source;
  }

  void begin(const HelperRequest& request) {
    const ExecSource* source = source_of(request.name);
    if (source == nullptr) return reply(request.number, Outcome::kNoSuchCredential, "");
    const bool is_notice = source->purpose == ExecSource::Purpose::kNotice;
    if (is_notice == request.input.empty()) {
      return reply(request.number, Outcome::kFailed, is_notice ? "nothing to tell it" : "its command reads nothing");
    }
    auto command = Command::start(source->argv, request.input, Deadline::after(limits_.deadline));
    if (!command) return reply(request.number, Outcome::kFailed, command.error().message);
    runs_.push_back({.request = {.number = request.number, .name = request.name},
                     .shape = source->shape,
                     .purpose = source->purpose,
                     .command = *std::move(command)});
  }

  void end(const Run& run) {
    Command& command = *run.command;
    const bool late = command.deadline().passed();
    const Command::Exit exit = command.finish();
    // The program may have ended by itself between the deadline and our signal; then it was in time.
    if (late && exit.code != 0) {
      answer_failed(run, fmt::format("its command took longer than {} ms and was killed", limits_.deadline.count()));
    } else if (command.printed_too_much()) {
      answer_failed(run, fmt::format("its command printed more than {} bytes", Secret::kMaxSize));
    } else if (exit.signal != 0) {
      answer_failed(run, fmt::format("its command was killed by signal {}", exit.signal));
    } else if (exit.code != 0) {
      answer_failed(run, fmt::format("its command ended with exit code {}", exit.code));
    } else if (run.purpose == ExecSource::Purpose::kNotice) {
      log_complaint(run, "");
      reply(run.request.number, Outcome::kValue, "");
    } else if (const auto value = read_output(command.output(), run.shape, WallClock::now()); !value) {
      answer_failed(run, "its command: " + value.error().message);
    } else {
      log_complaint(run, value->secret->reveal());
      reply(run.request.number, value->expires ? Outcome::kExpiringValue : Outcome::kValue, value->secret->reveal(),
            value->expires.value_or(WallClock::time_point()));
    }
  }

  void answer_failed(const Run& run, std::string_view why) {
    std::string_view printed = run.command->output();
    while (printed.ends_with('\n') || printed.ends_with('\r')) printed.remove_suffix(1);
    log_complaint(run, printed);
    reply(run.request.number, Outcome::kFailed, why);
  }

  /// Whether a text tells what was printed, or a line of it: keys have several, and one is enough.
  static bool tells(std::string_view text, std::string_view printed) {
    constexpr std::size_t kTelling = 8;  // a shorter line may be anything: "{"
    if (printed.empty()) return false;
    if (text.contains(printed)) return true;
    while (!printed.empty()) {
      const auto end = std::min(printed.find('\n'), printed.size());
      if (end >= kTelling && text.contains(printed.substr(0, end))) return true;
      printed.remove_prefix(std::min(end + 1, printed.size()));
    }
    return false;
  }

  /// What the program said on standard error; some say the value there.
  static void log_complaint(const Run& run, std::string_view value) {
    std::string_view complaint = run.command->complaint();
    while (complaint.ends_with('\n')) complaint.remove_suffix(1);
    if (complaint.empty()) return;
    log_warning("{}{}: standard error of its command: {}",
                run.purpose == ExecSource::Purpose::kValue ? "credential " : "", run.request.name,
                tells(complaint, value) ? "(left out: the value is in it)" : escape_untrusted(complaint, 1024));
  }

  void reply(std::uint64_t number, Outcome outcome, std::string_view text, WallClock::time_point expires = {}) {
    auto packet = LockedBuffer::make(kMaxReply);
    // Without locked memory there is no value to send either, but the message is no secret.
    std::array<char, 1024> plain;
    const std::span<char> into = packet ? packet->bytes() : plain;
    const HelperReply said = packet || outcome == Outcome::kNoSuchCredential
                                 ? HelperReply{number, outcome, expires, text}
                                 : HelperReply{number, Outcome::kFailed, {}, packet.error().message};
    const std::size_t size = encode_reply(said, into);
    // A send that fails means that enforcerd is gone, which the next turn finds out.
    (void)send(socket_.get(), into.data(), size, MSG_NOSIGNAL);
  }

  const Fd socket_;
  const Fd signals_;
  const ExecLoader& loader_;
  const ExecLimits& limits_;
  const std::vector<ExecSource>& always_;
  std::vector<char> packet_ = std::vector<char>(kMaxRequest + 1);
  std::vector<ExecSource> table_;
  std::list<Run> runs_;
  std::deque<HelperRequest> waiting_;
};

}  // namespace

void serve_commands(Fd socket, const ExecLoader& loader, const ExecLimits& limits,
                    const std::vector<ExecSource>& always) {
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  Fd signals(signalfd(-1, &terminate, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) _exit(1);
  {
    Loop loop(std::move(socket), std::move(signals), loader, limits, always);
    loop.run();
  }  // kills what still runs
  _exit(0);
}

}  // namespace enforcer::credentials
