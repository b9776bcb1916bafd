#include "review/ledger.h"

#include <ranges>

namespace enforcer::review {
namespace {

/// Enough for a reviewer who comes back from lunch to see what became of it.
constexpr std::size_t kEndsRemembered = 256;

}  // namespace

Moment::~Moment() {
  lock_.unlock();
  if (announced_) ledger_.outbox.deliver();
}

void Moment::announce(const Entry& entry, Change change, const Reviewer* who) {
  ledger_.outbox.put(entry.ticket, change, who, {});
  announced_ = true;
}

void Moment::announce_refusal(Entry& entry, Change change, const Reviewer& who) {
  if (entry.refusals.emplace(who.uid, change, entry.ticket.state).second) announce(entry, change, &who);
}

void Moment::announce_to_clients(const Entry& entry, Change change, const Reviewer* who) {
  const auto clients = entry.clients | std::views::values;
  ledger_.outbox.put(entry.ticket, change, who, {clients.begin(), clients.end()});
  announced_ = true;
}

std::shared_ptr<Entry> Moment::open(Question question) {
  const policy::ReviewTerms& terms = *question.rule->review;
  const auto now = Monotonic::now();
  const auto wall = WallClock::now();
  auto entry = std::make_shared<Entry>();
  entry->serial = ++ledger_.opened;
  entry->asked = now;
  entry->deadline = now + terms.timeout;
  entry->ticket.id = ReviewId::make();
  entry->ticket.approvals_needed = terms.approvals;
  entry->ticket.asked = wall;
  entry->ticket.expires = wall + terms.timeout;
  entry->ticket.question = std::make_shared<const Question>(std::move(question));
  ledger_.entries.emplace(entry->ticket.id.text(), entry);
  ledger_.live.emplace(entry->ticket.question->fingerprint, entry);
  ++ledger_.pending[entry->ticket.question->epoch];
  return entry;
}

void Moment::approved(Entry& entry, const Reviewer& who) {
  no_longer_pending(entry);
  const auto now = Monotonic::now();
  entry.ticket.state = State::kApproved;
  entry.ticket.decided_after = now - entry.asked;
  entry.ticket.expires = WallClock::now() + std::chrono::duration_cast<WallClock::duration>(ledger_.limits.grant);
  entry.deadline = now + ledger_.limits.grant;
  announce_to_clients(entry, Change::kApproved, &who);
}

void Moment::end(Entry& entry, State state, Change change, const Reviewer* who) {
  ENFORCER_CHECK(!is_end(entry.ticket.state) && is_end(state));
  if (entry.ticket.state == State::kPending) no_longer_pending(entry);
  entry.ticket.state = state;
  ledger_.live.erase(entry.ticket.question->fingerprint);
  ledger_.ends.emplace_back(entry.ticket.id.text());
  if (ledger_.ends.size() > kEndsRemembered) {
    ledger_.entries.erase(ledger_.ends.front());
    ledger_.ends.pop_front();
  }
  announce_to_clients(entry, change, who);
}

void Moment::end_if_late(Entry& entry, Monotonic::time_point now) {
  if (!is_end(entry.ticket.state) && entry.deadline <= now) end(entry, State::kExpired, Change::kExpired);
}

std::vector<std::shared_ptr<Entry>> Moment::live() const {
  const auto entries = ledger_.live | std::views::values;
  return {entries.begin(), entries.end()};
}

void Moment::no_longer_pending(const Entry& entry) {
  const auto count = ledger_.pending.find(entry.ticket.question->epoch);
  if (--count->second == 0) ledger_.pending.erase(count);
}

}  // namespace enforcer::review
