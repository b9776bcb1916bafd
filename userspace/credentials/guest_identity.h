// GuestIdentity: which guest a token is for, where the service that gives it is to know.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"

namespace enforcer::credentials {

struct GuestIdentity {
  GuestName name;
  Epoch epoch{};
  Labels labels;
};

/// `text` with the guest's own for "{guest}", "{epoch}" (16 hex digits) and "{label:NAME}" (nothing for a label that it
/// does not have). What is in the guest's is not looked at again.
[[nodiscard]] std::string expand(std::string_view text, const GuestIdentity& guest);

}  // namespace enforcer::credentials
