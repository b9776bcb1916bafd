// The end of an instance: everything that outlives hostd on purpose.
#pragma once

#include "base/result.h"
#include "config/paths.h"

namespace enforcer::hostd {

/// Ends every microVM, cuts off every attached namespace, and removes the gateway namespace, the pins, the run folder
/// and hostd's own state. What enforcerd keeps (name tables, policies) stays. Again, or where nothing is, it does
/// nothing. kConflict: an enforcer-hostd still runs for the instance.
Result<> tear_down(const config::Paths& paths);

}  // namespace enforcer::hostd
