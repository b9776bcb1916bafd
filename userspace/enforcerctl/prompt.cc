#include "enforcerctl/prompt.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "credentials/value.h"

namespace enforcer::ctl {
namespace {

/// No echo while it lives. Ctrl-C would leave the shell without echo, so it waits until echo is back.
class HiddenInput {
 public:
  static Result<HiddenInput> begin() {
    HiddenInput hidden;
    if (tcgetattr(STDIN_FILENO, &hidden.before_) != 0) return fail_errno("the terminal");
    sigset_t held;
    sigemptyset(&held);
    for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGTSTP, SIGHUP}) sigaddset(&held, signal);
    pthread_sigmask(SIG_BLOCK, &held, &hidden.mask_before_);
    termios quiet = hidden.before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    quiet.c_lflag |= ECHONL | ICANON;
    quiet.c_cc[VEOL] = kInterrupt;  // ends the line at once
    hidden.active_ = true;
    // TCSAFLUSH: what was typed before the prompt was echoed, and is not the value.
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0) return fail_errno("the terminal");
    return hidden;
  }
  static constexpr char kInterrupt = '\x03';

  HiddenInput(HiddenInput&& other) noexcept
      : before_(other.before_), mask_before_(other.mask_before_), active_(std::exchange(other.active_, false)) {}
  HiddenInput& operator=(HiddenInput&&) = delete;
  ~HiddenInput() {
    if (!active_) return;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }

 private:
  HiddenInput() = default;
  termios before_{};
  sigset_t mask_before_{};
  bool active_ = false;
};

}  // namespace

bool input_is_a_terminal() {
  return isatty(STDIN_FILENO) == 1;
}

Result<Secret> ask_for_secret(Terminal& terminal, const std::string& prompt) {
  LockedBuffer line = TRY(LockedBuffer::make(credentials::kMaxRaw));
  const HiddenInput hidden = TRY(HiddenInput::begin());
  terminal.err(prompt);
  ssize_t size = 0;
  do {
    size = read(STDIN_FILENO, line.bytes().data(), line.bytes().size());
  } while (size < 0 && errno == EINTR);
  if (size < 0) return fail_errno("the terminal");
  const std::string_view typed(line.bytes().data(), static_cast<std::size_t>(size));
  if (typed.ends_with(HiddenInput::kInterrupt)) return fail(Errc::kInvalid, "nothing was stored");
  // A terminal gives at most 4095 characters of one line and drops the rest in silence.
  if (size >= 4095) return fail(Errc::kInvalid, "a terminal takes 4094 characters at most: use - or --from-file");
  return credentials::clean_value(typed);
}

bool ask_for_consent(Terminal& terminal, const std::string& question) {
  terminal.err(question + " [y/N] ");
  char answer[64] = {};
  const ssize_t size = read(STDIN_FILENO, answer, sizeof answer - 1);
  const std::string_view said(answer, size > 0 ? static_cast<std::size_t>(size) : 0);
  return said == "y\n" || said == "Y\n" || said == "yes\n";
}

}  // namespace enforcer::ctl
