// What is recorded, and the one place where it becomes text.
//
// A record is a struct of views and values that lives only for the call that records it. Texts in it are raw, as the
// guest sent them: they pass escape_untrusted (base/text.h) and JSON escaping in json_text.cc and nowhere else, so a
// line of the log is printable ASCII without a newline whatever a guest says (invariant 10).
//
// One line of the file, fields that do not apply left out:
//
//   {"schema_version":1,"seq":17,"time":"2025-01-31T12:00:00.000000Z","type":"decision","decision_id":"01jk…","guest":"a",…}
//
// schema_version, seq and time come from the writer (log.h); everything from "type" on is the record's body, made here.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/ip.h"
#include "policy/decision.h"
#include "policy/facts.h"

namespace enforcer::audit {

inline constexpr int kSchemaVersion = 1;

/// Which guest a record is about. Owned by the caller.
struct Subject {
  const GuestName* guest = nullptr;  ///< null: no guest (a reload, the start of the daemon)
  Epoch epoch{};
  const Labels* labels = nullptr;  ///< null or empty: left out
};

/// "decision": what was decided about a connection or a request, written before the first byte to the origin.
struct DecisionRecord {
  DecisionId id{};
  Subject subject{};
  policy::Layer layer = policy::Layer::kL4;
  policy::Decision decision{};             ///< action, reason, rule and `would`
  std::uint64_t generation = 0;            ///< of the policy snapshot that decided
  std::string_view sni{};                  ///< kTls: the server name as it was sent
  std::string_view host{};                 ///< the canonical name, or the raw text of one that is not a name
  std::string_view authority{};            ///< kHttp: the Host that was asked for, where it is not `host`
  std::optional<IpAddress> destination{};  ///< the address the guest dialled
  Port port{};
  std::string_view method{};                 ///< kHttp
  std::string_view path{};                   ///< kHttp
  std::string_view query{};                  ///< kHttp: its values are elided here
  std::string_view upgrade{};                ///< kHttp: "websocket" where the request asks to become one
  std::string_view action{};                 ///< kHttp: what it does, in words, where that was read (policy/action.h)
  std::string_view review_id{};              ///< of the ticket by which it was held; empty: left out
  std::span<const std::string> approvers{};  ///< accounts of those who approved it; empty: left out
};

/// How the life of an allowed connection or exchange ended: NAME, text.
#define ENFORCER_OUTCOMES(X)                                                                   \
  X(kCompleted, "completed")                  /* both directions ended in good order */        \
  X(kGuestReset, "guest_reset")               /* the guest broke it off */                     \
  X(kOriginReset, "origin_reset")             /* the origin broke it off */                    \
  X(kOriginFailed, "origin_failed")           /* never connected; `reason` says why */         \
  X(kDenied, "denied")                        /* denied later; `reason` says why */            \
  X(kTimeout, "timeout")                      /* idle, or a deadline passed */                 \
  X(kPolicyChanged, "policy_changed")         /* a reload took the rule away */                \
  X(kCredentialRevoked, "credential_revoked") /* the value it was sent with is good no more */ \
  X(kGuestGone, "guest_gone")                 /* the guest was removed */                      \
  X(kShutdown, "shutdown")                    /* enforcerd was stopped */                      \
  X(kInternal, "internal")                    /* a failure of ours */

enum class Outcome : std::uint8_t {
#define X(name, text) name,
  ENFORCER_OUTCOMES(X)
#undef X
};
[[nodiscard]] std::string_view label(Outcome outcome);

/// "end": what became of what was allowed; carries the id of its decision.
struct EndRecord {
  DecisionId id{};
  Subject subject{};
  policy::Layer layer = policy::Layer::kTls;
  std::string_view host{};
  Port port{};
  std::optional<IpAddress> dialled{};  ///< the checked address that was connected to; none when nothing was
  std::string_view via{};        ///< the corporate proxy that connected instead of us, as the configuration has it
  std::uint64_t bytes_up = 0;    ///< towards the origin
  std::uint64_t bytes_down = 0;  ///< towards the guest
  std::chrono::nanoseconds duration{};
  Outcome outcome = Outcome::kInternal;
  std::optional<policy::Reason> reason{};
  std::string_view detail{};  ///< a label of a closed list that says more than the reason
};

/// "event": something that is not a decision: a reload, a guest that came or went, connections reset undecided.
struct EventRecord {
  std::string_view event{};  ///< a literal: "policy_reload", "guest_attached", "limit_decisions"
  Subject subject{};
  std::string_view detail{};       ///< one line for people
  std::uint64_t generation = 0;    ///< 0: left out
  std::uint64_t count = 1;         ///< how many times in this second; 1 is left out
  const Labels* before = nullptr;  ///< what the subject's labels were; null: left out. Empty ones are written
};

/// "datapath": packets of one guest that the kernel dropped for one reason since the last such record.
struct DatapathRecord {
  Subject subject{};
  std::string_view drop{};  ///< the label of ENFORCER_DROP_REASONS
  std::uint64_t count = 0;
};

/// "review": what happened to a ticket, a request that is held until people decide. Its first record (`asked`) and its
/// end are always there; who decides is named in each record of a decision, the refused ones included.
struct ReviewRecord {
  std::string_view review_id{};
  std::string_view change{};  ///< label of review::Change: "asked", "approved"
  Subject subject{};
  std::string_view host{};  ///< or the address that was dialled
  Port port{};
  std::string_view method{};
  std::string_view path{};
  std::string_view query{};                ///< its values are elided here
  std::string_view action{};               ///< what is asked, in words
  const policy::RuleInfo* rule = nullptr;  ///< that asks
  struct Person {
    std::uint32_t uid = 0;
    std::string_view name{};
  };
  std::optional<Person> by{};  ///< none: no person did it
  unsigned approvals = 0;      ///< so far, this one included
  unsigned approvals_needed = 1;
  std::string_view comment{};  ///< of the one who decided
};

/// Appends the body of a record, from `"type":…` to its last field, without braces: never a newline, always printable
/// ASCII.
void append_body(std::string& out, const DecisionRecord& record);
void append_body(std::string& out, const EndRecord& record);
void append_body(std::string& out, const EventRecord& record);
void append_body(std::string& out, const DatapathRecord& record);
void append_body(std::string& out, const ReviewRecord& record);

/// The parts of a decision's body, for folding: two denials are identical when all of it but the id is.
void append_decision_head(std::string& out, const DecisionId& id);
void append_decision_tail(std::string& out, const DecisionRecord& record);

/// Appends RFC 3339 in UTC with microseconds: 2025-01-31T12:00:00.000000Z. For years 1970-9999.
void append_time(std::string& out, WallClock::time_point time);

}  // namespace enforcer::audit
