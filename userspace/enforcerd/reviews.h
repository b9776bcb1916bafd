// Reviews: the desk where requests wait for people, and everybody who hears of it: the audit log and metrics, those who
// watch through the control API, and the command of `review.notify`.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "credentials/command_source.h"
#include "enforcerd/review_feeds.h"
#include "enforcerd/review_notifier.h"
#include "enforcerd/review_observer.h"
#include "enforcerd/workers.h"
#include "review/desk.h"

namespace enforcer::enforcerd {

class Reviews final : private review::Observer {
 public:
  /// `commands` run `review.notify`. All outlive this.
  Reviews(const config::Config& config, audit::Log& log, Workers& workers, credentials::CommandSource& commands);

  [[nodiscard]] review::Desk& desk() { return desk_; }
  /// What waits now, and what came of the rest.
  [[nodiscard]] metrics::ReviewCounts counts() const;
  /// Those who watch through the control API.
  [[nodiscard]] std::unique_ptr<control::ReviewFeed> watch() { return feeds_.open(desk_); }
  [[nodiscard]] std::size_t watching() const { return feeds_.size(); }

  /// After a reload, when every worker has the new policies: what is not asked any more is withdrawn. `policy_of`: of a
  /// guest now; null: it is gone.
  void withdraw_unasked(const std::function<std::shared_ptr<const policy::GuestPolicy>(Slot, Epoch)>& policy_of);

 private:
  void changed(const review::Ticket& ticket, review::Change change, const review::Reviewer* who) override;

  ReviewNotifier notifier_;
  ReviewObserver observer_;
  ReviewFeeds feeds_;
  review::Desk desk_;
  std::unique_ptr<review::Desk::Presence>
      notified_;  ///< where `review.notify` reaches people, somebody is always there
};

}  // namespace enforcer::enforcerd
