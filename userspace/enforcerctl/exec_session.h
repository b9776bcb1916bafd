// The middle of `run` and `guest exec`: a command in a guest with this process's standard streams and signals, so that
// it feels like running the command here.
//
// One poll loop over standard input, the connection, the signals and the two outputs. Nothing is buffered without
// bound: input is read only while little waits for the guest, and the connection only while little waits for the
// outputs, so a pager that pauses pauses the command. Of the input, no more is on its way than the window: what the
// command does not read never stands before a signal.
//
// Signals come through a signalfd and go to the command. A reader of the output that went away becomes SIGPIPE for the
// command, as it would be here. The third SIGINT gives up on a command that does not listen.
//
// A command with a terminal is told when ours is resized. Then SIGTERM and SIGHUP are for us and not for the command:
// nobody types them, and a shell at the other end would not end by them. It hangs up when our connection ends.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "hostproto/exec_frame.h"

namespace enforcer::ctl {

/// SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGWINCH, from now on as events instead of deaths. Restores everything when it
/// goes.
class SignalWatch {
 public:
  static Result<SignalWatch> begin();
  SignalWatch(SignalWatch&& other) noexcept;
  SignalWatch& operator=(SignalWatch&&) = delete;
  ~SignalWatch();

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The next signal, or 0 when none is waiting.
  [[nodiscard]] int take() const;
  /// The next one that somebody sent to end something: a terminal that was resized is none of those.
  [[nodiscard]] int take_ending() const;

 private:
  explicit SignalWatch(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

struct StandardStreams {
  int in = 0;
  int out = 1;
  int err = 2;

  /// Of the terminal that one of them is; the usual 24 lines of 80 characters where none is.
  [[nodiscard]] hostproto::WindowSize window() const;
};

/// How a command ended.
struct ExecOutcome {
  int status = 0;       ///< what a shell would say: 0-255, 128 + n for a signal
  std::string failure;  ///< why it did not even start; the status is 126 or 127 then
};

class ExecSession {
 public:
  /// What the command has for its standard streams.
  enum class Far { kPipes, kTerminal };

  /// `connection` is a non-blocking stream of exec frames; `command` the JSON of an 'X' frame.
  ExecSession(Fd connection, const std::string& command, StandardStreams streams, const SignalWatch& signals, Far far);

  /// Runs to the end. An error: the guest or the daemon went away, or the command could not be started.
  Result<ExecOutcome> run();

 private:
  Result<> turn();
  Result<> read_connection();
  void write_connection();
  void read_input();
  void take_signals();
  void take_signal(int signal);
  void write_output(int fd, std::string& pending, bool& open);
  Result<> take_frame(const hostproto::Frame& frame);
  [[nodiscard]] bool drained() const { return pending_out_.empty() && pending_err_.empty(); }

  Fd connection_;
  StandardStreams streams_;
  const SignalWatch& signals_;
  const Far far_;
  hostproto::FrameReader reader_;
  std::string to_guest_;
  std::size_t in_flight_ = 0;  ///< bytes of input read here that the command has not taken yet
  std::string pending_out_;
  std::string pending_err_;
  bool input_open_ = true;
  bool out_open_ = true;
  bool err_open_ = true;
  bool result_seen_ = false;
  int interrupts_ = 0;
  int ended_by_ = 0;  ///< the signal that ended us
  ExecOutcome outcome_;
};

}  // namespace enforcer::ctl
