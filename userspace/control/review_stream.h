// GET /v1/reviews/watch: what waits for a decision, then every change, as JSON Lines in chunks. While it is open, its
// caller is there to be asked.
#pragma once

#include "control/route.h"
#include "control/service.h"

namespace enforcer::control {

/// Answers on `stream` and leaves it to be closed. A watcher that falls behind is cut off without the last chunk.
asio::awaitable<void> stream_reviews(Service& service, Stream& stream, Target target);

}  // namespace enforcer::control
