// Daemon as the control API sees it: requests that are held for people.
#include "base/log.h"
#include "control/peer.h"
#include "enforcerd/daemon.h"

namespace enforcer::enforcerd {

namespace asio = boost::asio;

asio::awaitable<Result<std::vector<review::Ticket>>> Daemon::reviews() {
  co_return reviews_.desk().tickets();
}

asio::awaitable<Result<review::Ticket>> Daemon::review(std::string id) {
  co_return reviews_.desk().ticket(id);
}

asio::awaitable<Result<review::Ticket>> Daemon::decide_review(control::Caller caller,
                                                              control::ReviewDecision decision) {
  const auto ticket = reviews_.desk().ticket(decision.id);
  if (!ticket) co_return std::unexpected(ticket.error());
  // The question of a ticket never changes, so that nothing can come between this and the verdict.
  if (review::to_hex(ticket->question->fingerprint) != decision.fingerprint) {
    co_return fail(Errc::kConflict, "the fingerprint is that of another request: nothing is decided");
  }
  const review::Reviewer who{.uid = caller.uid, .name = control::account_name(caller.uid)};
  const bool approves = decision.say == control::ReviewDecision::Say::kApprove;
  auto decided = approves ? reviews_.desk().approve(decision.id, who, std::move(decision.comment))
                          : reviews_.desk().reject(decision.id, who, std::move(decision.comment));
  log_info("review {} of guest {}: {} by {} (uid {}, pid {}){}", ticket->id.text(), ticket->question->guest.text(),
           approves ? "approval" : "rejection", who.name, caller.uid, caller.pid,
           decided ? "" : ", refused: " + decided.error().message);
  co_return decided;
}

std::unique_ptr<control::ReviewFeed> Daemon::watch_reviews() {
  return reviews_.watch();
}

}  // namespace enforcer::enforcerd
