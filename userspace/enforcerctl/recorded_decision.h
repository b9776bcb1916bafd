// What a line of the audit log says, read back: the texts as they stand there, escaped by the writer, or by nobody
// where the file is not the daemon's. They are for comparing and for showing escaped, never for printing as they are
// (invariant 10).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/ids.h"
#include "base/ip.h"
#include "policy/reason.h"

namespace enforcer::ctl {

struct RecordedDecision {
  std::string id;
  std::string time;  ///< RFC 3339 in UTC, which sorts as text
  std::string guest;
  Labels labels;
  std::string layer;     ///< "dns", "l4", "tls", "http"
  std::string decision;  ///< "allow", "review", "deny": what came of it
  std::string reason;    ///< the label of a policy::Reason
  std::string rule;      ///< "policy/rule", or empty
  std::string would;     ///< in audit mode: the decision in enforce mode, where that differs
  std::string would_reason;
  std::string would_rule;  ///< "policy/rule", or empty
  std::string host;        ///< a name, or the text of something that is none
  std::optional<IpAddress> destination;
  Port port{};  ///< 0 for "dns"
  std::string method;
  std::string path;                  ///< without query
  std::optional<std::string> query;  ///< behind the '?', with "*" for every value
  std::string upgrade;               ///< "websocket"
  std::string action;                ///< what the request does, in words: "ce:GetCostAndUsage", "git push acme/w"
  std::string credential;            ///< the name of the one that was added
  std::uint64_t count = 1;           ///< how many times, where repetitions were folded
};

/// Whether a record's `reason` is this one.
[[nodiscard]] bool is_reason(std::string_view recorded, policy::Reason wanted);

/// The end of something allowed, as far as it says where that led, and how much went there.
struct RecordedEnd {
  std::string id;                    ///< of the decision
  std::optional<IpAddress> dialled;  ///< none when nothing was
  std::string time;
  std::string guest;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
};

/// What the line is about; monostate for everything else, also for what is no record.
using Recorded = std::variant<std::monostate, RecordedDecision, RecordedEnd>;
[[nodiscard]] Recorded read_record(std::string_view line);

}  // namespace enforcer::ctl
