// GET /v1/log: audit records as JSON Lines in chunks, oldest first; with follow=1 until the client goes.
#pragma once

#include "control/route.h"
#include "control/service.h"

namespace enforcer::control {

/// Answers on `stream` and leaves it to be closed.
asio::awaitable<void> stream_log(Service& service, Stream& stream, Target target);

}  // namespace enforcer::control
