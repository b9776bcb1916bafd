// The guests as a table for people.
#pragma once

#include <string>
#include <vector>

#include "base/deadline.h"
#include "control/api.h"
#include "enforcerctl/table.h"

namespace enforcer::ctl {

enum class GuestColumns { kUsual, kAll };

/// One row for each guest, in the daemon's order.
[[nodiscard]] Table guest_table(const std::vector<control::GuestInfo>& guests, WallClock::time_point now,
                                GuestColumns columns);

/// "42s", "3m", "2h10m", "4d". A clock that was set back since makes it 0s.
[[nodiscard]] std::string uptime_text(WallClock::time_point since, WallClock::time_point now);

}  // namespace enforcer::ctl
