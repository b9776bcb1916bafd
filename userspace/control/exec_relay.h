// POST /v1/guests/{name}/exec: the connection becomes a stream of exec frames (hostproto/exec_frame.h).
//
//   client -> server   'X' once, then 'I', 'S' and 'W'   anything else ends the exec with an error
//   server -> client   'O', 'E' and 'I', then one 'R'    and the connection closes
//
// An 'I' of the server says how much input the command has taken. At most hostproto::kStdinWindow bytes of it are on
// their way into the guest; the frames behind wait here. So a client that keeps to the window itself, and reads while
// it sends, gets its signals through whether the command reads its input or not.
//
// A command ends with its client: when the client goes before the result, the command gets SIGTERM, two seconds later
// SIGKILL, three seconds later the channel is closed whatever the guest says. Until then the channel stays taken, so
// that the next command cannot meet the rest of this one. The Backend says how many run in a guest at a time.
//
// No wait in here has a deadline of its own but those: a command may be silent for hours, and a reader of its output
// may pause for hours (`... | less`). Every wait ends with the client, the guest or the command.
#pragma once

#include "control/service.h"

namespace enforcer::control {

/// Answers on `stream` and leaves it to be closed. `early` is what the client sent behind its request. `upgrade` is the
/// request's Upgrade header.
asio::awaitable<void> relay_exec(Service& service, Stream& stream, Caller caller, std::string guest,
                                 std::string upgrade, std::string early);

}  // namespace enforcer::control
