// Desk: where requests wait for people. Workers bring requests from their threads, reviewers decide on the home thread;
// one mutex makes exactly one outcome of whatever comes at the same time. It is held for moments, and by held requests
// only: others never come here.
//
// Times are monotonic: a wall clock set by a year extends nothing (attack 171).
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "review/ticket.h"

namespace enforcer::review {

/// What happened to a ticket: NAME, text of the record's `change`.
#define ENFORCER_TICKET_CHANGES(X)                                                     \
  X(kAsked, "asked")       /* opened */                                                \
  X(kApproval, "approval") /* one of several that are needed */                        \
  X(kApproved, "approved") /* the last one that was needed */                          \
  X(kSent, "sent")         /* a client sends it now */                                 \
  X(kRejected, "rejected")                                                             \
  X(kExpired, "expired") /* pending for too long, or approved and not sent in time */  \
  X(kWithdrawn, "withdrawn")                                                           \
  X(kLateVerdict, "late_verdict")       /* somebody decided what had an end already */ \
  X(kRefusedVerdict, "refused_verdict") /* somebody decided who may not */

enum class Change : std::uint8_t {
#define X(name, text) name,
  ENFORCER_TICKET_CHANGES(X)
#undef X
};
[[nodiscard]] std::string_view label(Change change);

/// Hears of every change, in order for each ticket. Called with no lock held, on the thread that caused it; `who` is
/// null where no person did.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void changed(const Ticket& ticket, Change change, const Reviewer* who) = 0;
};

struct DeskLimits {
  std::size_t pending_per_guest = 32;
  std::chrono::nanoseconds grant = std::chrono::minutes(15);  ///< how long an approval waits for a client
};

class Desk {
 public:
  Desk(DeskLimits limits, Observer& observer);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  // ---- Any thread.

  class Hold;
  /// Why a request is not held: there is nobody to ask, or the guest has as many tickets as it may.
  enum class Refusal { kNoReviewer, kQueueFull };
  /// Opens a ticket, or joins the one for the same request. `wake` is called, from any thread and perhaps a moment
  /// after the Hold is gone, whenever turn() may have something new to say; it must not call the desk.
  [[nodiscard]] std::expected<Hold, Refusal> hold(Question question, std::function<void()> wake);

  /// One waiting client. Destroying it is the client's leaving: the ticket goes on without it.
  class Hold {
   public:
    /// What the client is to do. kSend is said to one client of a ticket, once: who hears it sends the request.
    enum class Turn {
      kWait,
      kSend,
      kRejected,
      kExpired,
      kWithdrawn,
      kSpent,  ///< approved, and another client of the same request has sent it
    };
    [[nodiscard]] Turn turn();
    /// As it stands now.
    [[nodiscard]] Ticket ticket() const;

    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&& other) noexcept;
    ~Hold();

   private:
    friend class Desk;
    struct Place;
    explicit Hold(std::unique_ptr<Place> place);
    std::unique_ptr<Place> place_;
  };

  // ---- For reviewers.

  /// While at least one lives, somebody is there to be asked.
  class Presence;
  [[nodiscard]] std::unique_ptr<Presence> attend();

  /// Newest first; ended ones for as long as they are remembered (the last 256 ends).
  [[nodiscard]] std::vector<Ticket> tickets() const;
  /// kNotFound.
  [[nodiscard]] Result<Ticket> ticket(std::string_view id) const;

  /// One person's yes; the ticket as it stands then. kNotFound; kConflict: it has an end, is approved, or the same
  /// person has approved it; kDenied: the guest's owner, or uid 0 where more than one approval is needed.
  Result<Ticket> approve(std::string_view id, const Reviewer& who, std::string comment);
  /// One no is enough, also after an approval that nobody used yet. kNotFound, kConflict as above.
  Result<Ticket> reject(std::string_view id, const Reviewer& who, std::string comment);

  // ---- What happens around it.

  /// Ends what has waited for too long. Called about once a second.
  void expire(Monotonic::time_point now);
  /// After a reload: withdraws every ticket for which `still_asks` is false. It is called with no lock held.
  void ask_again(const std::function<bool(const Question&)>& still_asks);
  /// A guest is gone, with this boot of it.
  void withdraw_guest(Slot slot, Epoch epoch);
  /// The daemon stops, or nobody may be asked any more.
  void withdraw_all();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace enforcer::review
