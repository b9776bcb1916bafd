// Outbox: what happened to tickets, on its way to the observer. Put in under the desk's lock, so that the order is the
// one in which it happened; taken out with no lock held, by one thread at a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "review/desk.h"

namespace enforcer::review {

class Outbox {
 public:
  explicit Outbox(Observer& observer) : observer_(observer) {}

  void put(Ticket ticket, Change change, const Reviewer* who);

  /// Returns when all that was put in until now was announced, by this thread or by another one that is at it. From
  /// within changed() it returns at once: the announcing that goes on further up comes to it.
  void deliver();

 private:
  struct Announcement {
    Ticket ticket;
    Change change;
    std::optional<Reviewer> who;
  };

  Observer& observer_;
  std::mutex mutex_;
  std::condition_variable announced_more_;
  std::deque<Announcement> waiting_;
  std::uint64_t put_ = 0;        ///< announcements, ever
  std::uint64_t announced_ = 0;  ///< of these
  std::thread::id announcer_;    ///< none: nobody is at it
};

}  // namespace enforcer::review
