#include "enforcerctl/raw_terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace enforcer::ctl {

Result<RawTerminal> RawTerminal::begin(int fd) {
  termios before{};
  if (tcgetattr(fd, &before) != 0) return fail_errno("the terminal");
  termios raw = before;
  cfmakeraw(&raw);
  // TCSADRAIN: what was typed while the guest booted is for the command.
  if (tcsetattr(fd, TCSADRAIN, &raw) != 0) return fail_errno("the terminal");
  return RawTerminal(fd, before);
}

RawTerminal::RawTerminal(RawTerminal&& other) noexcept : fd_(std::exchange(other.fd_, -1)), before_(other.before_) {}

RawTerminal::~RawTerminal() {
  if (fd_ < 0) return;
  // In the background this would stop us (SIGTTOU), with the terminal still raw.
  sigset_t stop;
  sigset_t blocked_before;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &stop, &blocked_before);
  // What the terminal answered to the guest's last questions is not to be typed into our caller's shell. The first also
  // drops what is still on its way to the line discipline.
  tcflush(fd_, TCIFLUSH);
  tcsetattr(fd_, TCSAFLUSH, &before_);
  pthread_sigmask(SIG_SETMASK, &blocked_before, nullptr);
}

std::optional<hostproto::WindowSize> window_of(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
  return hostproto::WindowSize{.rows = size.ws_row, .columns = size.ws_col};
}

bool is_typed_at(int fd) {
  return isatty(fd) == 1 && tcgetpgrp(fd) == getpgrp();
}

}  // namespace enforcer::ctl
