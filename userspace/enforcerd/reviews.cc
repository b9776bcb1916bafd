#include "enforcerd/reviews.h"

#include "enforcerd/credential_sources.h"
#include "policy/decide.h"
#include "review/approval.h"

namespace enforcer::enforcerd {
namespace {

constexpr std::chrono::seconds kNotifyDeadline{10};

}  // namespace

Reviews::Reviews(const config::Config& config, audit::Log& log, Workers& workers, credentials::CommandSource& commands)
    : notifier_(workers.home().io(),
                [&commands](std::string line) {
                  return commands.tell(kReviewNotify, std::move(line), Deadline::after(kNotifyDeadline));
                }),
      observer_(
          log, config.review.notify.empty() ? std::function<void(std::string)>()
                                            : [this](std::string line) { notifier_.notify(std::move(line)); }),
      feeds_(workers.home().io()),
      desk_({.pending_per_guest = config.review.pending_per_guest, .grant = config.review.grant}, *this) {
  if (!config.review.notify.empty()) notified_ = desk_.attend();
  for (std::size_t i = 0; i < workers.size(); ++i) workers.at(i).asks_people(desk_);
}

void Reviews::changed(const review::Ticket& ticket, review::Change change, const review::Reviewer* who) {
  observer_.changed(ticket, change, who);
  feeds_.changed(ticket, change, who);
}

metrics::ReviewCounts Reviews::counts() const {
  metrics::ReviewCounts counts = observer_.counts();
  const review::Desk::Waiting waiting = desk_.waiting();
  counts.pending = waiting.pending;
  counts.oldest = waiting.oldest;
  counts.notify_failures = notifier_.failures();
  return counts;
}

void Reviews::withdraw_unasked(
    const std::function<std::shared_ptr<const policy::GuestPolicy>(Slot, Epoch)>& policy_of) {
  desk_.withdraw_unasked([&](const review::Question& question) {
    const auto policy = policy_of(question.slot, question.epoch);
    if (policy == nullptr) return false;
    policy::Facts now = question.facts;
    now.now = WallClock::now();
    return review::still_asks(question, policy::decide(*policy, now));
  });
}

}  // namespace enforcer::enforcerd
