// What the verbs about guests share.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "control/api.h"
#include "enforcerctl/tool.h"
#include "hostproto/exec_frame.h"

namespace enforcer::ctl {

/// The guest as the daemon knows it now; kNotFound.
Result<control::GuestInfo> find_guest(const Tool& tool, const GuestName& name);

/// Waits until the guest runs. kNotFound: it ended while booting; kTimeout; kUnavailable when `interrupted` says so.
Result<control::GuestInfo> wait_until_running(const Tool& tool, const GuestName& name, Deadline deadline,
                                              const std::function<bool()>& interrupted);

/// The guest's placeholders; kNotFound.
Result<control::Variables> environment_of(const Tool& tool, const GuestName& name);

Result<> delete_guest(const Tool& tool, const GuestName& name);

/// What `create`, `attach`, `pause` and `resume` print: the daemon's JSON, or its warning and the guest in one line.
[[nodiscard]] ExitCode print_made_guest(const Tool& tool, const Result<std::string>& body);

[[nodiscard]] std::string guest_target(const GuestName& name,
                                       std::string_view more = {});  ///< "/v1/guests/NAME" + more

/// For the daemon's answer to whoever asks for a microVM, which comes when it has booted: behind the daemon's own wait,
/// which covers two attempts. On an idle host it takes seconds, and beside many others that boot much longer.
inline constexpr auto kBootPatience = std::chrono::seconds(160);

/// From asking for a command's channel to its answer, behind the daemon's own wait for the guest.
inline constexpr auto kExecPatience = hostproto::kHelloPatience + Tool::kPatience;

}  // namespace enforcer::ctl
