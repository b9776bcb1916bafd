// QmpCall: one command to the monitor of a microVM's QEMU, on a connection of its own.
//
// QMP (QEMU's docs/interop/qmp-spec): one JSON object a line. QEMU greets, takes no command but qmp_capabilities first,
// answers in order, and may put events between any two lines. A connection for each command, because a monitor that
// stays connected is sent an event whenever the guest makes a device do something, and holds what nobody reads.
//
// QEMU is what a hostile guest attacks first, so nothing that it sends is believed beyond "done" and "not done": lines
// and their number are bounded, the caller's poll loop never waits, and every call has a deadline.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

enum class QmpCommand : std::uint8_t {
  kStop,  ///< no vCPU runs any more, and no time passes in the guest; done again it changes nothing
  kCont,  ///< they run on; done again it changes nothing
};

class QmpCall {
 public:
  static constexpr std::size_t kMaxLine = 16 * 1024;  ///< a greeting has some 300 bytes, an answer fewer
  static constexpr int kMaxLines = 100;               ///< three, and the events of a moment between them

  /// `socket`: a new non-blocking stream to the monitor, which QEMU need not have accepted yet. kIo: it takes nothing.
  static Result<QmpCall> begin(Fd socket, QmpCommand command, Deadline deadline);

  /// Readable: turn() may get further.
  [[nodiscard]] int fd() const { return socket_.get(); }

  /// Goes as far as it gets without waiting. Nothing: not over yet. Otherwise how it ended, and the call is of no more
  /// use: success: the command was carried out; kConflict: QEMU refused it, with its words; kTimeout; kIo: QEMU has
  /// closed the monitor; kInvalid: what came is not QMP.
  std::optional<Result<>> turn();

 private:
  enum class Awaits : std::uint8_t { kGreeting, kCapabilities, kCommand };

  QmpCall(Fd socket, Deadline deadline) : socket_(std::move(socket)), deadline_(deadline) {}
  std::optional<Result<>> take_lines();
  std::optional<Result<>> take(std::string_view line);
  std::optional<Result<>> take_answer(const nlohmann::json& message);

  Fd socket_;
  Deadline deadline_;
  Awaits awaits_ = Awaits::kGreeting;
  std::string buffer_;
  int lines_ = 0;
};

}  // namespace enforcer::host
