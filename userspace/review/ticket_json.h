// A ticket as JSON: the same for `enforcerctl review show -o json`, for the control API and for the line that
// `review.notify` reads. Text of guests is escaped here (invariant 10); what is in their Authorization and Cookie
// fields is not shown at all.
//
//   {"review_id", "state", "guest", "epoch", "labels": {…}, "method", "scheme", "host", "registrable_domain", "port",
//    "path", "query": text or null, "action", "policy", "rule", "place", "reason", "credential",
//    "body": {"octets", "sha256", "start"}, "fields": [{"name", "value"}], "fingerprint", "clients",
//    "approvals_needed", "approvals": [{"uid", "name", "at", "comment"}], "rejection": the same or null,
//    "asked", "expires"}
//
// "host" is the address where the guest dialled one, and "registrable_domain" is empty then. Times are RFC 3339, UTC,
// with milliseconds. What is not known or not there is an empty text.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "review/ticket.h"

namespace enforcer::review {

[[nodiscard]] nlohmann::json to_json(const Ticket& ticket);

/// On one line of printable ASCII, with the line's end. Where it would be longer than `limit` octets, the list of
/// fields and the start of the body are left empty: whoever decides asks for the ticket itself.
[[nodiscard]] std::string json_line(const Ticket& ticket, std::size_t limit);

}  // namespace enforcer::review
