// What the desk knows, and the moments in which it changes. Included only by desk.cc and hold.cc.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "review/desk.h"
#include "review/outbox.h"

namespace enforcer::review {

/// A ticket and who waits for it. Shared by the desk, while it remembers the ticket, and the clients, which may stay
/// for longer. Everything in it is guarded by the desk's mutex.
struct Entry {
  Ticket ticket;
  std::uint64_t serial = 0;  ///< order of opening
  Monotonic::time_point asked;
  Monotonic::time_point deadline;       ///< of the verdict while pending, of the grant once approved
  std::map<const void*, Wake> clients;  ///< by their places
  /// Whose verdict was refused, how, and in which state of the ticket: those that were announced.
  std::set<std::tuple<uid_t, Change, State>> refusals;
};

struct Desk::Ledger {
  Ledger(DeskLimits given, Observer& observer) : limits(given), outbox(observer) {}

  /// Why this boot of a guest may open no ticket now.
  [[nodiscard]] std::optional<Refusal> no_room(Epoch epoch) const {
    if (!open || presences == 0) return Refusal::kNoReviewer;
    const auto of_guest = pending.find(epoch);
    const bool full = of_guest != pending.end() && of_guest->second >= limits.pending_per_guest;
    return full ? std::optional(Refusal::kQueueFull) : std::nullopt;
  }

  const DeskLimits limits;
  Outbox outbox;

  std::mutex mutex;
  bool open = true;  ///< the desk still stands: new tickets may come
  unsigned presences = 0;
  std::uint64_t opened = 0;                                            ///< tickets, ever
  std::map<std::string, std::shared_ptr<Entry>, std::less<>> entries;  ///< by id: the live ones, and ends remembered
  std::map<Fingerprint, std::shared_ptr<Entry>> live;                  ///< pending and approved
  std::map<Epoch, std::size_t> pending;                                ///< tickets of each boot of a guest
  std::deque<std::string> ends;                                        ///< ids, oldest end first
};

/// Holds the desk's lock for one change. When it goes, the lock is released first, then what happened is announced, and
/// then the clients that it concerns are woken: nobody acts on what the observer has not heard of.
class Moment {
 public:
  explicit Moment(Desk::Ledger& ledger) : ledger_(ledger), lock_(ledger.mutex) {}
  ~Moment();
  Moment(const Moment&) = delete;
  Moment& operator=(const Moment&) = delete;

  /// For changes after which the clients of the ticket still wait.
  void announce(const Entry& entry, Change change, const Reviewer* who = nullptr);

  /// For verdicts that change nothing. Once for the same person in the same state of the ticket: each is a record, and
  /// whoever repeats one in a loop would push others out of the audit log.
  void announce_refusal(Entry& entry, Change change, const Reviewer& who);

  /// A new ticket, pending from now on.
  std::shared_ptr<Entry> open(Question question);
  /// Enough people said yes.
  void approved(Entry& entry, const Reviewer& who);
  /// The one end of this ticket.
  void end(Entry& entry, State state, Change change, const Reviewer* who = nullptr);
  /// Ends it when its time is over, so that a verdict or a client that comes before the next expire() comes too late.
  void end_if_late(Entry& entry, Monotonic::time_point now);
  /// The live tickets, for changes that end some of them.
  [[nodiscard]] std::vector<std::shared_ptr<Entry>> live() const;

 private:
  void announce_to_clients(const Entry& entry, Change change, const Reviewer* who);
  void no_longer_pending(const Entry& entry);

  Desk::Ledger& ledger_;
  std::unique_lock<std::mutex> lock_;
  bool announced_ = false;
};

}  // namespace enforcer::review
