// The client's side of the desk.
#include <algorithm>
#include <ranges>

#include "review/ledger.h"

namespace enforcer::review {
namespace {

/// Identical requests that wait at the same time: what an impatient client has open. More of them are no use to it, for
/// one will be sent.
constexpr std::size_t kClientsPerTicket = 32;

/// As far as it can be told without the body.
bool begin_alike(const policy::Facts& one, const policy::Facts& other) {
  return one.request->method == other.request->method && one.request->path == other.request->path &&
         one.request->query == other.request->query && one.host == other.host && one.destination == other.destination &&
         one.port == other.port;
}

}  // namespace

/// Known to its entry by its own address, so it does not move.
struct Desk::Hold::Place {
  Place(std::shared_ptr<Desk::Ledger> at, std::shared_ptr<Entry> of, std::function<void()> wake)
      : ledger(std::move(at)), entry(std::move(of)) {
    entry->clients.emplace(this, std::make_shared<const std::function<void()>>(std::move(wake)));
    entry->ticket.clients = static_cast<unsigned>(entry->clients.size());
  }
  ~Place() {
    const std::lock_guard lock(ledger->mutex);
    entry->clients.erase(this);
    entry->ticket.clients = static_cast<unsigned>(entry->clients.size());
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  const std::shared_ptr<Desk::Ledger> ledger;
  const std::shared_ptr<Entry> entry;
};

std::expected<Desk::Hold, Desk::Refusal> Desk::hold(Question question, std::function<void()> wake) {
  ENFORCER_CHECK(question.rule != nullptr && question.rule->review.has_value());
  Moment moment(*ledger_);
  std::shared_ptr<Entry> entry;
  if (const auto same = ledger_->live.find(question.fingerprint); same != ledger_->live.end()) {
    entry = same->second;
    moment.end_if_late(*entry, Monotonic::now());
    if (is_end(entry->ticket.state)) entry.reset();
  }
  if (entry && entry->clients.size() >= kClientsPerTicket) return std::unexpected(Refusal::kQueueFull);
  if (entry) return Hold(std::make_unique<Hold::Place>(ledger_, std::move(entry), std::move(wake)));

  if (const auto refusal = ledger_->no_room(question.epoch)) return std::unexpected(*refusal);
  entry = moment.open(std::move(question));
  auto place = std::make_unique<Hold::Place>(ledger_, entry, std::move(wake));
  moment.announce(*entry, Change::kAsked);
  return Hold(std::move(place));
}

std::optional<Desk::Refusal> Desk::refuses(Epoch epoch, const policy::Facts& facts) const {
  const std::lock_guard lock(ledger_->mutex);
  const auto refusal = ledger_->no_room(epoch);
  if (!refusal) return std::nullopt;
  const bool may_join = std::ranges::any_of(ledger_->live | std::views::values, [&](const auto& entry) {
    return entry->ticket.question->epoch == epoch && begin_alike(entry->ticket.question->facts, facts);
  });
  return may_join ? std::nullopt : refusal;
}

Desk::Hold::Hold(std::unique_ptr<Place> place) : place_(std::move(place)) {}
Desk::Hold::Hold(Hold&& other) noexcept = default;
Desk::Hold& Desk::Hold::operator=(Hold&& other) noexcept = default;
Desk::Hold::~Hold() = default;

Desk::Hold::Turn Desk::Hold::turn() {
  Moment moment(*place_->ledger);
  Entry& entry = *place_->entry;
  moment.end_if_late(entry, Monotonic::now());
  switch (entry.ticket.state) {
    case State::kPending:
      return Turn::kWait;
    case State::kApproved:
      moment.end(entry, State::kSent, Change::kSent);
      return Turn::kSend;
    case State::kSent:
      return Turn::kSpent;
    case State::kRejected:
      return Turn::kRejected;
    case State::kExpired:
      return Turn::kExpired;
    case State::kWithdrawn:
      return Turn::kWithdrawn;
  }
  ENFORCER_CHECK(false);
}

void Desk::Hold::withdraw() {
  Moment moment(*place_->ledger);
  Entry& entry = *place_->entry;
  const bool alone = entry.ticket.clients == 1;
  if (alone && !is_end(entry.ticket.state)) moment.end(entry, State::kWithdrawn, Change::kWithdrawn);
}

Ticket Desk::Hold::ticket() const {
  const std::lock_guard lock(place_->ledger->mutex);
  return place_->entry->ticket;
}

}  // namespace enforcer::review
