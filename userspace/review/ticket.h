// Ticket: one question to people: may this exact request be sent?
//
//              approvals enough             one client sends it
//   kPending ────────────────────▶ kApproved ────────────────────▶ kSent
//      │  rejected, expired, withdrawn  │ nobody sent it in time, withdrawn
//      └───────────▶ an end ◀───────────┘
//
// Requests that are identical (fingerprint.h) share one ticket while it is pending or approved. An approval lets one of
// them through, once: the one that is waiting, or, when its client has gone, the next one that comes. A ticket ends
// once and for all, and exactly one end is its.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/ids.h"
#include "policy/decision.h"
#include "policy/facts.h"
#include "policy/guest_policy.h"
#include "review/fingerprint.h"

namespace enforcer::review {

/// What a ticket is called: an id like a decision's, made when it is opened.
using ReviewId = DecisionId;

/// What is asked. Never changed once it is. Texts are raw, as the guest sent them: whoever shows them escapes them.
struct Question {
  GuestName guest;
  Slot slot{};
  Epoch epoch{};
  Labels labels;
  std::optional<uid_t> owner;                         ///< who made the guest, and so may not approve; none: not known
  policy::Facts facts;                                ///< Layer::kHttp, with the request
  std::shared_ptr<const policy::GuestPolicy> policy;  ///< that decided
  const policy::RuleInfo* rule = nullptr;             ///< the review rule, with its terms; lives as long as `policy`
  std::string action;                                 ///< in words: "cloudformation:DeleteStack", "DELETE /v1/stacks/a"
  std::string credential;                             ///< name of the one that would be added, or empty
  std::uint64_t body_octets = 0;
  std::string body_sha256;  ///< 64 hex digits
  std::string body_start;   ///< the first kBodyPreview octets
  Fingerprint fingerprint{};

  static constexpr std::size_t kBodyPreview = 4096;
};

/// NAME, text. The texts are those of logs, metrics and the API.
#define ENFORCER_TICKET_STATES(X)                                                               \
  X(kPending, "pending")     /* nobody has decided yet, or not enough people */                 \
  X(kApproved, "approved")   /* may be sent, once; a grant when no client waits */              \
  X(kSent, "sent")           /* an end: approved, and handed to the one client that sends it */ \
  X(kRejected, "rejected")   /* an end: one person said no */                                   \
  X(kExpired, "expired")     /* an end: nobody decided in time, or nobody came for it */        \
  X(kWithdrawn, "withdrawn") /* an end: the guest is gone, or the rule that asked is another one */

enum class State : std::uint8_t {
#define X(name, text) name,
  ENFORCER_TICKET_STATES(X)
#undef X
};
[[nodiscard]] std::string_view label(State state);
[[nodiscard]] constexpr bool is_end(State state) {
  return state != State::kPending && state != State::kApproved;
}

/// Who decides, as the kernel names them (SO_PEERCRED).
struct Reviewer {
  uid_t uid = 0;
  std::string name;  ///< of the account, or the uid's digits
};

/// What one person said about a ticket, and when.
struct Verdict {
  Reviewer by;
  WallClock::time_point at;
  std::string comment;  ///< free text of the reviewer, or empty

  static constexpr std::size_t kLongestComment = 1024;
};

/// A ticket as it stands: a copy that nothing changes any more.
struct Ticket {
  ReviewId id{};
  std::shared_ptr<const Question> question;
  State state = State::kPending;
  unsigned clients = 0;            ///< that wait for it now; 0 with kPending: a verdict is for the next one that comes
  unsigned approvals_needed = 1;   ///< of different people
  std::vector<Verdict> approvals;  ///< so far
  std::optional<Verdict> rejection;
  /// From the question to the last approval that was needed, or to the rejection of what was pending; by the monotonic
  /// clock. None: no verdict.
  std::optional<std::chrono::nanoseconds> decided_after;
  WallClock::time_point asked;
  WallClock::time_point expires;  ///< for display: what counts is the monotonic clock
};

}  // namespace enforcer::review
