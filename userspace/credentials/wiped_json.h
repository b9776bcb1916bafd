// WipedJson: a JSON document that a secret is part of. Its texts, and the room in which they were put together, are
// wiped when they are given back.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/wiping_allocator.h"

namespace enforcer::credentials {

using WipedJson = nlohmann::basic_json<std::map, std::vector, WipedString, bool, std::int64_t, std::uint64_t, double,
                                       WipingAllocator>;

}  // namespace enforcer::credentials
