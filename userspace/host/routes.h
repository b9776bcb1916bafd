// The numbers by which the gateway namespace routes: what routes.cc sets and foreign_routes.cc looks for.
#pragma once

#include <cstdint>

namespace enforcer::host {

/// What arrives from guests is routed by this table alone; any number that is not one of the kernel's.
inline constexpr std::uint32_t kSteeredTable = 119;
/// Preferences of our rules: for what we send ("from lo"), and for everything else.
inline constexpr std::uint32_t kOwnOutputRule = 100;
inline constexpr std::uint32_t kSteeredRule = 101;

}  // namespace enforcer::host
