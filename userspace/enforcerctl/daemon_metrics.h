// What the daemon's own metrics listener answers, for somebody who has no Prometheus at hand.
#pragma once

#include <string>

#include "base/ip.h"
#include "base/result.h"

namespace enforcer::ctl {

/// The answer to GET /metrics, head and body, of which no more than 16 MiB are read. kTimeout: not within five seconds;
/// otherwise as net::finish_connect() and recv(2).
Result<std::string> daemon_metrics(const Endpoint& listener);

}  // namespace enforcer::ctl
