// The guest's side of one exec channel (userspace/hostproto/exec_frame.h): its port, and the command that was asked for
// there. Agents (agents.h) has one for each port and runs their common loop.
//
// Nothing is buffered without bound: while kMaxOutgoing bytes wait for the host, the command's output stays in its
// pipes; while kMaxInput bytes wait for the command, the port is not read. The latter also holds up a signal behind
// them, hence the generous number.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

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

  /// Takes the certificate that a conversation brought.
  using Trustee = std::function<void(const std::string& pem)>;

  /// Says hello to whoever connects first.
  Agent(Fd port, Trustee trustee);

  /// Adds what it waits for. Descriptors that are closed meanwhile are waited for by nobody any more.
  void add_waits(std::vector<pollfd>& waits) const;
  /// After this long it wants serve() whatever happened; none: it can wait.
  [[nodiscard]] std::optional<std::chrono::milliseconds> patience() const;
  /// Does what can be done without waiting.
  void serve();
  /// A child of process 1 has been reaped. False when it was not this agent's command.
  bool child_ended(pid_t pid, int status);
  /// The host wants the power to be switched off.
  [[nodiscard]] bool is_to_power_off() const { return standing_ == Standing::kPowerOff; }

 private:
  enum class Standing { kServing, kPowerOff };

  void serve_port();
  void read_port();
  void write_port();
  void take_frames();
  void obey(const hostproto::Frame& frame);
  void begin_conversation(std::string_view nonce);
  void end_conversation();
  static void set_clock(std::string_view time);
  void start_command(std::string_view request);
  void check_start();
  void feed_command();
  void acknowledge_input(std::size_t taken);
  void relay_output();
  enum class Take { kOnePiece, kEverything };
  void relay(Fd& pipe, hostproto::FrameType type, Take take);
  void finish_command(int status);
  void send(hostproto::FrameType type, std::string_view payload);
  void send_error(std::string_view what);
  void send_start_failure(const Command::StartFailure& failure);

  Fd port_;
  Trustee trustee_;
  hostproto::FrameReader reader_;
  std::optional<Command> command_;
  std::string input_;  ///< for the command, not yet taken by it
  bool input_ended_ = false;
  std::size_t unacknowledged_ = 0;  ///< input the command has taken and the host does not know of
  std::string outgoing_;            ///< for the host, not yet taken by it
  bool host_connected_ = false;
  std::optional<Deadline> torn_;  ///< a frame has been unfinished; by then it should be whole
  Standing standing_ = Standing::kServing;
};

}  // namespace enforcer::guest
