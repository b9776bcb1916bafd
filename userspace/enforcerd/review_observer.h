// ReviewObserver: what follows from each change of a ticket: its record in the audit log, its place in the metrics, and
// word to people that one was opened.
//
// The record is written when changed() returns, before the desk tells anybody that the request may be sent. A record
// that cannot be written stops nothing here: the decision about the request is recorded by its worker, and is a denial
// where that cannot be (invariant 3).
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "audit/log.h"
#include "metrics/review_counts.h"
#include "review/desk.h"

namespace enforcer::enforcerd {

class ReviewObserver final : public review::Observer {
 public:
  /// `notify` is given one line of JSON for each ticket that is opened, on whatever thread that happens, and must not
  /// block; empty: nobody is told.
  ReviewObserver(audit::Log& log, std::function<void(std::string line)> notify)
      : log_(log), notify_(std::move(notify)) {}

  void changed(const review::Ticket& ticket, review::Change change, const review::Reviewer* who) override;

  /// Outcomes and waits so far; what pends now, and what could not be told, others know. Any thread.
  [[nodiscard]] metrics::ReviewCounts counts() const;

 private:
  void record(const review::Ticket& ticket, review::Change change, const review::Reviewer* who);
  void count(const review::Ticket& ticket, review::Change change);

  audit::Log& log_;
  const std::function<void(std::string line)> notify_;
  mutable std::mutex mutex_;
  metrics::ReviewCounts counts_;
};

}  // namespace enforcer::enforcerd
