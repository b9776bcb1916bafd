// Deltas: an object as what it takes from another one and what it adds (gitformat-pack(5), "Deltified representation").
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace enforcer::git {

/// What the delta makes out of its base. None: the delta is damaged, of another base, or makes more than `most` octets.
[[nodiscard]] std::optional<std::string> apply_delta(std::string_view base, Bytes delta, std::size_t most);

}  // namespace enforcer::git
