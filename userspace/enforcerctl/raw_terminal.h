// RawTerminal: the terminal while a command in a guest has it. What is typed goes there octet by octet, Ctrl-C and
// Ctrl-Z included, and the guest's terminal does what they mean. Destroying it puts everything back; the signals that
// end us come through a descriptor (SignalWatch), so that this happens on every way out.
#pragma once

#include <termios.h>

#include <optional>

#include "base/result.h"
#include "hostproto/exec_frame.h"

namespace enforcer::ctl {

class RawTerminal {
 public:
  /// kIo: it is no terminal. `fd` stays open as long as this lives.
  static Result<RawTerminal> begin(int fd);
  RawTerminal(RawTerminal&& other) noexcept;
  RawTerminal& operator=(RawTerminal&&) = delete;
  ~RawTerminal();

 private:
  RawTerminal(int fd, const termios& before) : fd_(fd), before_(before) {}

  int fd_;
  termios before_;
};

/// Nothing when it is no terminal, or one that does not know.
[[nodiscard]] std::optional<hostproto::WindowSize> window_of(int fd);

/// Whether a person types there and this process is the one that reads it: one in the background is not.
[[nodiscard]] bool is_typed_at(int fd);

}  // namespace enforcer::ctl
