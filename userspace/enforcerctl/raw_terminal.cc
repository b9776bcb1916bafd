#include "enforcerctl/raw_terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

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
  if (fd_ >= 0) tcsetattr(fd_, TCSADRAIN, &before_);
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
