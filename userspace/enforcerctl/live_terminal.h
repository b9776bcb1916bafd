// LiveTerminal: the terminal while a live view draws on it: its second screen, no echo, keys as they are pressed.
// Destroying it puts everything back, and so does the end by a signal: those come through a descriptor here and end the
// verb like a key does.
#pragma once

#include <termios.h>

#include <csignal>
#include <string>

#include "base/fd.h"
#include "enforcerctl/review_text.h"

namespace enforcer::ctl {

class LiveTerminal {
 public:
  /// kIo: standard input or output is no terminal.
  static Result<LiveTerminal> begin();
  LiveTerminal(LiveTerminal&& other) noexcept;
  LiveTerminal& operator=(LiveTerminal&&) = delete;
  ~LiveTerminal();

  struct Size {
    std::size_t width;
    std::size_t height;
  };
  [[nodiscard]] Size size() const;
  /// Lines that fit, of printable ASCII.
  void draw(const Lines& lines) const;

  /// Readable when a signal has come.
  [[nodiscard]] int signals() const { return signals_.get(); }
  enum class Signal { kNone, kResized, kEnd };
  [[nodiscard]] Signal take_signal() const;

 private:
  LiveTerminal(const termios& before, const sigset_t& mask_before, Fd signals);

  termios before_;
  sigset_t mask_before_;
  Fd signals_;
};

}  // namespace enforcer::ctl
