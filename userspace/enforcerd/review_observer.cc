#include "enforcerd/review_observer.h"

#include "audit/record.h"
#include "base/log.h"
#include "credentials/helper_packet.h"
#include "review/ticket_json.h"

namespace enforcer::enforcerd {
namespace {

using metrics::ReviewOutcome;
using review::Change;

/// What the person who caused this change said.
std::string_view comment_of(const review::Ticket& ticket, Change change) {
  if (change == Change::kRejected && ticket.rejection) return ticket.rejection->comment;
  const bool approves = change == Change::kApproval || change == Change::kApproved;
  return approves && !ticket.approvals.empty() ? std::string_view(ticket.approvals.back().comment) : std::string_view();
}

/// What a ticket came to by this change; none: it is still pending, or was decided before.
std::optional<ReviewOutcome> outcome_of(const review::Ticket& ticket, Change change) {
  if (change == Change::kApproved) return ReviewOutcome::kApproved;
  if (ticket.approvals.size() >= ticket.approvals_needed) return std::nullopt;
  switch (change) {
    case Change::kRejected:
      return ReviewOutcome::kRejected;
    case Change::kExpired:
      return ReviewOutcome::kExpired;
    case Change::kWithdrawn:
      return ReviewOutcome::kWithdrawn;
    default:
      return std::nullopt;
  }
}

}  // namespace

void ReviewObserver::changed(const review::Ticket& ticket, Change change, const review::Reviewer* who) {
  record(ticket, change, who);
  count(ticket, change);
  if (change == Change::kAsked && notify_) notify_(review::json_line(ticket, credentials::kMaxInput));
}

void ReviewObserver::record(const review::Ticket& ticket, Change change, const review::Reviewer* who) {
  const review::Question& question = *ticket.question;
  const std::string host = question.facts.host          ? question.facts.host->text()
                           : question.facts.destination ? question.facts.destination->to_string()
                                                        : std::string();
  audit::ReviewRecord record{.review_id = ticket.id.text(),
                             .change = review::label(change),
                             .subject = {&question.guest, question.epoch, &question.labels},
                             .host = host,
                             .port = question.facts.port,
                             .action = question.action,
                             .rule = question.rule,
                             .approvals = static_cast<unsigned>(ticket.approvals.size()),
                             .approvals_needed = ticket.approvals_needed,
                             .comment = comment_of(ticket, change)};
  if (const auto& request = question.facts.request) {
    record.method = request->method;
    record.path = request->path;
    if (request->query) record.query = *request->query;
  }
  if (who != nullptr) record.by = audit::ReviewRecord::Person{.uid = who->uid, .name = who->name};
  audit::Lines lines;
  lines.add(WallClock::now(), [&](std::string& out) { append_body(out, record); });
  if (const auto written = log_.write(lines); !written) {
    log_error("review {} {}: not recorded: {}", ticket.id.text(), review::label(change), written.error().message);
  }
}

void ReviewObserver::count(const review::Ticket& ticket, Change change) {
  const auto outcome = outcome_of(ticket, change);
  if (!outcome) return;
  const std::lock_guard lock(mutex_);
  ++counts_.outcomes[static_cast<std::size_t>(*outcome)];
  if (ticket.decided_after) counts_.wait.observe(*ticket.decided_after);
}

metrics::ReviewCounts ReviewObserver::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace enforcer::enforcerd
