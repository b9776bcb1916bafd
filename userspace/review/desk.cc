// The reviewers' side of the desk, and what happens around it.
#include "review/desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/text.h"
#include "review/ledger.h"

namespace enforcer::review {
namespace {

std::string names_of(const std::vector<Verdict>& verdicts) {
  std::string names;
  for (const Verdict& verdict : verdicts) {
    if (!names.empty()) names += ", ";
    names += verdict.by.name;
  }
  return names;
}

/// What became of a ticket that a verdict came too late for.
std::string fate(const Ticket& ticket) {
  switch (ticket.state) {
    case State::kPending:
      break;  // not too late
    case State::kApproved:
      return fmt::format("was approved already, by {}", names_of(ticket.approvals));
    case State::kSent:
      return fmt::format("was approved already, by {}, and has been sent", names_of(ticket.approvals));
    case State::kRejected:
      return fmt::format("was rejected already, by {}", ticket.rejection ? ticket.rejection->by.name : "");
    case State::kExpired:
      return "has expired";
    case State::kWithdrawn:
      return "was withdrawn: its guest is gone, or the rule that asked is";
  }
  return "is pending";
}

Result<> check_comment(const std::string& comment) {
  if (comment.size() <= Verdict::kLongestComment) return {};
  return fail(Errc::kInvalid,
              fmt::format("the comment has {} octets; at most {} are kept", comment.size(), Verdict::kLongestComment));
}

/// Nothing, or why this person's yes does not count for this ticket.
Result<> check_may_approve(const Ticket& ticket, const Reviewer& who) {
  const auto id = ticket.id.text();
  if (ticket.question->owner == who.uid) {
    return fail(Errc::kDenied, fmt::format("review {}: {} made guest {} and may not approve for it", id, who.name,
                                           ticket.question->guest.text()));
  }
  if (who.uid == 0 && ticket.approvals_needed > 1) {
    return fail(Errc::kDenied, fmt::format("review {} needs {} different people, and root is not a person", id,
                                           ticket.approvals_needed));
  }
  const bool again = std::ranges::any_of(ticket.approvals, [&](const Verdict& v) { return v.by.uid == who.uid; });
  if (again && ticket.state == State::kPending) {
    return fail(Errc::kConflict, fmt::format("review {}: {} has approved it already; {} of {} approvals are there", id,
                                             who.name, ticket.approvals.size(), ticket.approvals_needed));
  }
  return {};
}

std::unexpected<Error> no_such_review(std::string_view id) {
  return fail(Errc::kNotFound, fmt::format("no review {}", escape_untrusted(id, 64)));
}

}  // namespace

std::string_view label(Change change) {
  switch (change) {
#define X(name, text) \
  case Change::name:  \
    return text;
    ENFORCER_TICKET_CHANGES(X)
#undef X
  }
  return "";
}

Desk::Desk(DeskLimits limits, Observer& observer) : ledger_(std::make_shared<Ledger>(limits, observer)) {}

Desk::~Desk() {
  {
    const std::lock_guard lock(ledger_->mutex);
    ledger_->open = false;
  }
  withdraw_all();
  // A client that takes its turn now may still be announcing; the observer goes after us.
  ledger_->outbox.deliver();
}

Desk::Presence::Presence(std::shared_ptr<Ledger> ledger) : ledger_(std::move(ledger)) {
  const std::lock_guard lock(ledger_->mutex);
  ++ledger_->presences;
}

Desk::Presence::~Presence() {
  const std::lock_guard lock(ledger_->mutex);
  --ledger_->presences;
}

std::unique_ptr<Desk::Presence> Desk::attend() {
  return std::make_unique<Presence>(ledger_);
}

std::vector<Ticket> Desk::tickets() const {
  std::vector<std::pair<std::uint64_t, Ticket>> by_age;
  {
    const std::lock_guard lock(ledger_->mutex);
    for (const auto& entry : ledger_->entries | std::views::values) by_age.emplace_back(entry->serial, entry->ticket);
  }
  std::ranges::sort(by_age, std::greater{}, &std::pair<std::uint64_t, Ticket>::first);
  std::vector<Ticket> tickets;
  for (Ticket& ticket : by_age | std::views::values) tickets.push_back(std::move(ticket));
  return tickets;
}

Result<Ticket> Desk::ticket(std::string_view id) const {
  const std::lock_guard lock(ledger_->mutex);
  const auto found = ledger_->entries.find(id);
  if (found == ledger_->entries.end()) return no_such_review(id);
  return found->second->ticket;
}

Desk::Waiting Desk::waiting() const {
  const std::lock_guard lock(ledger_->mutex);
  Waiting waiting;
  for (const auto& entry : ledger_->live | std::views::values) {
    if (entry->ticket.state != State::kPending) continue;
    ++waiting.pending;
    if (!waiting.oldest || entry->ticket.asked < *waiting.oldest) waiting.oldest = entry->ticket.asked;
  }
  return waiting;
}

Result<Ticket> Desk::approve(std::string_view id, const Reviewer& who, std::string comment) {
  TRY_VOID(check_comment(comment));
  Moment moment(*ledger_);
  const auto found = ledger_->entries.find(id);
  if (found == ledger_->entries.end()) return no_such_review(id);
  const std::shared_ptr<Entry> entry = found->second;  // ending it may make the desk forget the oldest end
  moment.end_if_late(*entry, Monotonic::now());
  if (const auto may = check_may_approve(entry->ticket, who); !may) {
    moment.announce_refusal(*entry, Change::kRefusedVerdict, who);
    return std::unexpected(may.error());
  }
  if (entry->ticket.state != State::kPending) {
    moment.announce_refusal(*entry, Change::kLateVerdict, who);
    return fail(Errc::kConflict, fmt::format("review {} {}", id, fate(entry->ticket)));
  }
  entry->ticket.approvals.push_back({.by = who, .at = WallClock::now(), .comment = std::move(comment)});
  if (entry->ticket.approvals.size() >= entry->ticket.approvals_needed) {
    moment.approved(*entry, who);
  } else {
    moment.announce(*entry, Change::kApproval, &who);
  }
  return entry->ticket;
}

Result<Ticket> Desk::reject(std::string_view id, const Reviewer& who, std::string comment) {
  TRY_VOID(check_comment(comment));
  Moment moment(*ledger_);
  const auto found = ledger_->entries.find(id);
  if (found == ledger_->entries.end()) return no_such_review(id);
  const std::shared_ptr<Entry> entry = found->second;
  moment.end_if_late(*entry, Monotonic::now());
  if (is_end(entry->ticket.state)) {
    moment.announce_refusal(*entry, Change::kLateVerdict, who);
    return fail(Errc::kConflict, fmt::format("review {} {}", id, fate(entry->ticket)));
  }
  if (!entry->ticket.decided_after) entry->ticket.decided_after = Monotonic::now() - entry->asked;
  entry->ticket.rejection = Verdict{.by = who, .at = WallClock::now(), .comment = std::move(comment)};
  moment.end(*entry, State::kRejected, Change::kRejected, &who);
  return entry->ticket;
}

void Desk::expire(Monotonic::time_point now) {
  Moment moment(*ledger_);
  for (const auto& entry : moment.live()) moment.end_if_late(*entry, now);
}

void Desk::withdraw_unasked(const std::function<bool(const Question&)>& still_asks) {
  std::vector<std::shared_ptr<Entry>> unfounded;
  {
    const Moment moment(*ledger_);
    unfounded = moment.live();
  }
  // A ticket's question never changes, so it is read without the lock.
  std::erase_if(unfounded, [&](const auto& entry) { return still_asks(*entry->ticket.question); });
  Moment moment(*ledger_);
  for (const auto& entry : unfounded) {
    if (!is_end(entry->ticket.state)) moment.end(*entry, State::kWithdrawn, Change::kWithdrawn);
  }
}

void Desk::withdraw_guest(Slot slot, Epoch epoch) {
  Moment moment(*ledger_);
  for (const auto& entry : moment.live()) {
    const Question& question = *entry->ticket.question;
    if (question.slot != slot || question.epoch != epoch) continue;
    moment.end(*entry, State::kWithdrawn, Change::kWithdrawn);
  }
}

void Desk::withdraw_all() {
  Moment moment(*ledger_);
  for (const auto& entry : moment.live()) moment.end(*entry, State::kWithdrawn, Change::kWithdrawn);
}

}  // namespace enforcer::review
