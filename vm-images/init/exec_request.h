// What the host asks to be run: the payload of an 'X' frame (userspace/hostproto/exec_frame.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hostproto/exec_frame.h"

namespace enforcer::guest {

struct ExecRequest {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;    ///< on top of init's own and the account's
  std::string cwd;                           ///< empty: nobody said
  std::string user;                          ///< likewise
  std::optional<hostproto::WindowSize> tty;  ///< it gets a terminal of this size; none: pipes
};

/// kInvalid names the field that is wrong.
Result<ExecRequest> parse_exec_request(std::string_view json);

}  // namespace enforcer::guest
