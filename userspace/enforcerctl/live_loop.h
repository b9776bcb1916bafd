// LiveLoop: how a live view goes on: it draws, and waits for a key, a signal, a line of the daemon's stream, or for
// time to draw again. What is shown and what keys do is for who inherits from it.
#pragma once

#include <chrono>
#include <vector>

#include "enforcerctl/live_keys.h"
#include "enforcerctl/live_terminal.h"

namespace enforcer::ctl {

class LiveLoop {
 public:
  /// `terminal` outlives it.
  explicit LiveLoop(LiveTerminal& terminal) : terminal_(terminal) {}
  LiveLoop(const LiveLoop&) = delete;
  LiveLoop& operator=(const LiveLoop&) = delete;

  /// Until end() was called, a signal ends the process, or the terminal is gone.
  void run();

 protected:
  ~LiveLoop() = default;
  void end() { over_ = true; }

 private:
  /// What is due now; before each drawing.
  virtual void refresh() = 0;
  [[nodiscard]] virtual Lines render(LiveTerminal::Size size) = 0;
  /// How long what is drawn may stand, >= 0.
  [[nodiscard]] virtual std::chrono::milliseconds patience() const = 0;
  /// The descriptor of the daemon's stream; -1: there is none now.
  [[nodiscard]] virtual int stream() const = 0;
  /// The stream has something to read, or has ended.
  virtual void take_lines() = 0;
  virtual void press(const std::vector<Key>& keys) = 0;

  void wait();
  void take_keys();

  LiveTerminal& terminal_;
  KeyReader keys_;
  bool over_ = false;
};

}  // namespace enforcer::ctl
