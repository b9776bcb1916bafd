#include "enforcerctl/live_terminal.h"

#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace enforcer::ctl {
namespace {

// xterm's private modes 1049 (second screen) and 25 (cursor), which every terminal of today has.
constexpr std::string_view kEnterScreen = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view kLeaveScreen = "\x1b[?25h\x1b[?1049l";

void write_screen(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // a terminal that is gone comes back as a signal
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

LiveTerminal::LiveTerminal(const termios& before, const sigset_t& mask_before, Fd signals)
    : before_(before), mask_before_(mask_before), signals_(std::move(signals)) {}

LiveTerminal::LiveTerminal(LiveTerminal&& other) noexcept
    : before_(other.before_), mask_before_(other.mask_before_), signals_(std::move(other.signals_)) {}

Result<LiveTerminal> LiveTerminal::begin() {
  termios before{};
  if (isatty(STDOUT_FILENO) != 1 || tcgetattr(STDIN_FILENO, &before) != 0) return fail_errno("the terminal");
  sigset_t taken;
  sigset_t mask_before;
  sigemptyset(&taken);
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP, SIGWINCH}) sigaddset(&taken, signal);
  Fd signals(signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return fail_errno("signalfd");
  pthread_sigmask(SIG_BLOCK, &taken, &mask_before);
  LiveTerminal terminal(before, mask_before, std::move(signals));
  termios raw = before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG | IEXTEN);
  raw.c_iflag &= ~static_cast<tcflag_t>(ICRNL | IXON);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  // TCSAFLUSH: what was typed before anything was shown decides nothing.
  if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) return fail_errno("the terminal");
  write_screen(kEnterScreen);
  return terminal;
}

LiveTerminal::~LiveTerminal() {
  if (!signals_.valid()) return;
  write_screen(kLeaveScreen);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

LiveTerminal::Size LiveTerminal::size() const {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {80, 24};
  return {size.ws_col, size.ws_row};
}

void LiveTerminal::draw(const Lines& lines) const {
  // Home, then each line with what was behind it cleared: no flicker.
  std::string text = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    text += lines[i] + "\x1b[K";
    if (i + 1 < lines.size()) text += "\r\n";
  }
  write_screen(text + "\x1b[J");
}

LiveTerminal::Signal LiveTerminal::take_signal() const {
  signalfd_siginfo info{};
  if (read(signals_.get(), &info, sizeof info) != sizeof info) return Signal::kNone;
  return info.ssi_signo == SIGWINCH ? Signal::kResized : Signal::kEnd;
}

}  // namespace enforcer::ctl
