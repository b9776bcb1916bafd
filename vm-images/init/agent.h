// The guest's side of the exec channel (userspace/hostproto/exec_frame.h): one loop over the port, the running
// command's pipes and the children that ended.
//
// Nothing is buffered without bound: while kMaxOutgoing bytes wait for the host, the command's output stays in its
// pipes; while kMaxInput bytes wait for the command, the port is not read. The latter also holds up a signal behind
// them, hence the generous number.
#pragma once

#include <optional>
#include <string>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"
#include "command.h"
#include "hostproto/exec_frame.h"

namespace enforcer::guest {

class Agent {
 public:
  static constexpr std::size_t kMaxOutgoing = 512 * 1024;
  static constexpr std::size_t kMaxInput = 4 * 1024 * 1024;

  explicit Agent(Fd port) : port_(std::move(port)) {}

  /// Serves until the host asks for the power to be switched off, or the port breaks.
  Result<> run();

 private:
  enum class Standing { kServing, kPowerOff };

  Result<> wait_for_work();
  void reap();
  void serve_port();
  void read_port();
  void write_port();
  void take_frames();
  void obey(const hostproto::Frame& frame);
  void begin_conversation(std::string_view nonce);
  void end_conversation();
  void learn_trust(const std::string& pem);
  static void set_clock(std::string_view time);
  void start_command(std::string_view request);
  void feed_command();
  void acknowledge_input(std::size_t taken);
  void relay_output();
  enum class Take { kOnePiece, kEverything };
  void relay(Fd& pipe, hostproto::FrameType type, Take take);
  void finish_command(int status);
  void send(hostproto::FrameType type, std::string_view payload);
  void send_error(std::string_view what);

  Fd port_;
  Fd children_;  ///< signalfd for SIGCHLD
  hostproto::FrameReader reader_;
  std::optional<Command> command_;
  std::string input_;  ///< for the command, not yet taken by it
  bool input_ended_ = false;
  std::size_t unacknowledged_ = 0;  ///< input the command has taken and the host does not know of
  std::string outgoing_;            ///< for the host, not yet taken by it
  std::string trusted_;             ///< what the host last named, as it said it
  bool host_connected_ = false;
  std::optional<Deadline> torn_;  ///< a frame has been unfinished; by then it should be whole
  Standing standing_ = Standing::kServing;
};

}  // namespace enforcer::guest
