// GET /v1/log: audit records as JSON Lines in chunks, oldest first; with follow=1 until the client goes.
#pragma once

#include "audit/filter.h"
#include "control/route.h"
#include "control/service.h"

namespace enforcer::control {

enum class Follow { kNo, kYes };

struct LogQuery {
  audit::Filter filter;
  Follow follow = Follow::kNo;
};

/// The query fields guest, decision (a,b), host, rule, layer, type, id, since (RFC 3339), last, follow (0, 1); kInvalid
/// for any other field and any malformed value.
Result<LogQuery> parse_log_query(const Target& target);

/// Answers on `stream` and leaves it to be closed.
asio::awaitable<void> stream_log(Service& service, Stream& stream, Target target);

}  // namespace enforcer::control
