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
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "review/ticket.h"

namespace enforcer::review {

/// What happened to a ticket: NAME, text of the record's `change`.
#define ENFORCER_TICKET_CHANGES(X)                                                      \
  X(kAsked, "asked")       /* opened */                                                 \
  X(kApproval, "approval") /* one of several that are needed */                         \
  X(kApproved, "approved") /* the last one that was needed */                           \
  X(kSent, "sent")         /* a client sends it now */                                  \
  X(kRejected, "rejected")                                                              \
  X(kExpired, "expired") /* pending for too long, or approved and not sent in time */   \
  X(kWithdrawn, "withdrawn")                                                            \
  X(kLateVerdict, "late_verdict")       /* somebody decided what was decided already */ \
  X(kRefusedVerdict, "refused_verdict") /* somebody approved who may not, or twice */

enum class Change : std::uint8_t {
#define X(name, text) name,
  ENFORCER_TICKET_CHANGES(X)
#undef X
};
[[nodiscard]] std::string_view label(Change change);

/// Hears of every change, in the order in which they happened. Called with no lock held, on the thread that caused it
/// or on another that is announcing just then, never on two at once; a call of the desk returns when its own changes
/// have been heard of, and clients are woken after that. So what is recorded here is recorded before anything is sent.
/// It may call the desk (what that changes is announced once it returns), and must not wait for a thread that does.
/// `who` is null where no person did it.
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
  struct Ledger;  // review/ledger.h

 public:
  Desk(DeskLimits limits, Observer& observer);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  // ---- Any thread.

  class Hold;
  /// Why a request is not held: there is nobody to ask; or the guest has as many pending tickets as it may, or as many
  /// clients wait for the same request as may.
  enum class Refusal { kNoReviewer, kQueueFull };
  /// Opens a ticket, or joins the one for the same request (also when nobody could be asked now: somebody was, or has
  /// said yes). Its turn() may have something to say at once. `wake` is called, from any thread and perhaps a moment
  /// after the Hold is gone, whenever turn() may have something new to say; it must not call the desk.
  [[nodiscard]] std::expected<Hold, Refusal> hold(Question question, std::function<void()> wake);
  /// Why hold() would refuse, whatever the body is: to be asked before that is read and hashed, for a guest that may
  /// ask no more can do so as often as it likes. None: it may be held, or join a ticket that begins like it.
  [[nodiscard]] std::optional<Refusal> refuses(Epoch epoch, const policy::Facts& facts) const;

  /// One waiting client. Destroying it is the client's leaving: the ticket goes on without it.
  class Hold {
   public:
    /// What the client is to do. kSend is said to one client of a ticket, once: who hears it sends the request, and is
    /// told kSpent if it asks again.
    enum class Turn {
      kWait,
      kSend,
      kRejected,
      kExpired,
      kWithdrawn,
      kSpent,  ///< approved, and another client of the same request has sent it
    };
    [[nodiscard]] Turn turn();
    /// The request has its answer already. Ends the question, unless others wait for it, too.
    void withdraw();
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
  class Presence {
   public:
    explicit Presence(std::shared_ptr<Ledger> ledger);  ///< only attend() can
    ~Presence();
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;

   private:
    const std::shared_ptr<Ledger> ledger_;
  };
  /// When the last one goes, what is pending stays for somebody who comes back in time; only new tickets are refused.
  [[nodiscard]] std::unique_ptr<Presence> attend();

  /// Newest first; ended ones for as long as they are remembered (the last 256 ends).
  [[nodiscard]] std::vector<Ticket> tickets() const;
  /// kNotFound.
  [[nodiscard]] Result<Ticket> ticket(std::string_view id) const;

  /// What waits for people: for metrics and alerts.
  struct Waiting {
    std::size_t pending = 0;
    std::optional<WallClock::time_point> oldest;  ///< when the oldest pending ticket was asked; none: nothing pends
  };
  [[nodiscard]] Waiting waiting() const;

  /// One person's yes; the ticket as it stands then. kNotFound; kConflict: it has an end, is approved, or the same
  /// person has approved it, and the message says what happened; kDenied: the guest's owner, or uid 0 where more than
  /// one approval is needed; kInvalid: the comment is too long. kConflict and kDenied are announced, once for each
  /// person and state of the ticket.
  Result<Ticket> approve(std::string_view id, const Reviewer& who, std::string comment);
  /// One no is enough, also after an approval that nobody used yet, and everybody's: the owner's and root's too.
  /// kNotFound, kConflict (it has an end), kInvalid as above.
  Result<Ticket> reject(std::string_view id, const Reviewer& who, std::string comment);

  // ---- What happens around it.

  /// Ends what has waited for too long. Called about once a second.
  void expire(Monotonic::time_point now);
  /// After a reload, when no worker opens tickets by the old policies any more: withdraws every ticket, pending or
  /// approved, for which `still_asks` is false. It is called with no lock held.
  void withdraw_unasked(const std::function<bool(const Question&)>& still_asks);
  /// A guest is gone, with this boot of it.
  void withdraw_guest(Slot slot, Epoch epoch);
  /// The daemon stops, or nobody may be asked any more.
  void withdraw_all();

 private:
  friend class Moment;
  const std::shared_ptr<Ledger> ledger_;
};

}  // namespace enforcer::review
