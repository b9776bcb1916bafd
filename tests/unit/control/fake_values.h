// What the Backend of the tests answers with.
#pragma once

#include <string>
#include <string_view>

#include "control/api.h"

namespace enforcer::control::testing {

inline GuestName guest_name(std::string_view text) {
  return GuestName::parse(text).value();
}

inline GuestInfo guest_info(std::string_view name, std::string_view kind = "microvm") {
  return {.name = guest_name(name),
          .labels = {{"role", "agent"}},
          .kind = std::string(kind),
          .state = "running",
          .image = kind == "microvm" ? "mini" : "",
          .accelerator = "tcg",
          .slot = Slot{7},
          .epoch = Epoch{0xabc},
          .ipv4 = IpAddress::v4(0x64400007),
          .ipv6 = {}};
}

inline AuthorityInfo authority_info() {
  return {.pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
          .subject = "CN=Enforcer test",
          .fingerprint = "AB:CD",
          .not_before = WallClock::time_point(std::chrono::seconds(1'700'000'000)),
          .not_after = WallClock::time_point(std::chrono::seconds(1'800'000'000))};
}

}  // namespace enforcer::control::testing
