#include "proxy/held_request.h"

#include <boost/asio/post.hpp>

#include "base/digest.h"
#include "net/signal.h"
#include "policy/action.h"
#include "proxy/conversation.h"
#include "proxy/interruptible.h"
#include "proxy/worker.h"
#include "review/approval.h"

namespace enforcer::proxy {

namespace asio = boost::asio;
using Turn = review::Desk::Hold::Turn;

/// Rung by whatever may have something new to say: the desk, from any thread; the guest's leaving; the deadline.
class Bell final : public Interruptible {
 public:
  explicit Bell(asio::io_context& io) : io_(io), signal_(std::make_shared<net::Signal>(io)) {}

  asio::awaitable<void> wait() { return signal_->wait(); }
  void interrupt(Errc /*why*/) override { signal_->notify(); }

  /// For other threads, and for longer than this lives.
  [[nodiscard]] std::function<void()> rope() const {
    return [&io = io_, signal = std::weak_ptr(signal_)] {
      asio::post(io, [signal] {
        if (const auto there = signal.lock()) there->notify();
      });
    };
  }

 private:
  asio::io_context& io_;
  std::shared_ptr<net::Signal> signal_;
};

namespace {

/// The desk looks about once a second for what has waited too long.
constexpr std::chrono::seconds kExpiryIsTold{3};

policy::Reason reason_of(review::Desk::Refusal refusal) {
  return refusal == review::Desk::Refusal::kNoReviewer ? policy::Reason::kNoReviewer : policy::Reason::kQueueFull;
}

std::vector<std::string> approvers_of(const review::Ticket& ticket) {
  std::vector<std::string> names;
  for (const review::Verdict& verdict : ticket.approvals) names.push_back(verdict.by.name);
  return names;
}

/// While it lives, the conversation rings the bell.
class Listening {
 public:
  Listening(Conversation& conversation, Bell& bell) : conversation_(conversation) { conversation_.held_in(&bell); }
  ~Listening() { conversation_.held_in(nullptr); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  Conversation& conversation_;
};

}  // namespace

review::Question HeldRequest::question(Bytes body) const {
  Decisions& decisions = conversation_.decisions();
  const GuestIdentity& guest = decisions.guest().identity();
  const policy::RequestFacts& request = *facts_.request;
  const std::size_t shown = std::min(body.size(), review::Question::kBodyPreview);
  return {.guest = guest.name,
          .slot = guest.slot,
          .epoch = guest.epoch,
          .labels = decisions.labels(),
          .owner = guest.owner == 0 ? std::nullopt : std::optional(guest.owner),  // root is not a person
          .facts = facts_,
          .policy = decisions.shared_policy(),
          .rule = decision_.rule,
          .action = policy::action_of(request),
          .credential = std::string(policy::credential_of(decision_)),
          .body_octets = body.size(),
          .body_sha256 = sha256_hex(as_text(body)),
          .body_start = std::string(as_text(body.first(shown))),
          .fingerprint = review::fingerprint_of(guest.epoch, facts_, body, decision_.rule->review->text)};
}

std::optional<policy::Decision> HeldRequest::refused_at_once() const {
  const Epoch epoch = conversation_.decisions().guest().identity().epoch;
  const auto refusal = conversation_.worker().desk().refuses(epoch, facts_);
  return refusal ? std::optional(deny(reason_of(*refusal))) : std::nullopt;
}

asio::awaitable<HeldRequest::Outcome> HeldRequest::wait(Bytes body, std::string_view raw_host) {
  Decisions& decisions = conversation_.decisions();
  Bell bell(conversation_.worker().io());
  auto hold = conversation_.worker().desk().hold(question(body), bell.rope());
  if (!hold) co_return deny(reason_of(hold.error()));
  review_id_ = hold->ticket().id.text();
  decisions.reviewed(review_id_, {});
  if (!co_await decisions.ask(facts_, decision_, {.host = raw_host})) {
    conversation_.denied_unrecorded();
    hold->withdraw();
    co_return Unrecorded{};
  }
  co_return co_await wait_for(*hold, bell);
}

asio::awaitable<HeldRequest::Outcome> HeldRequest::wait_for(review::Desk::Hold& hold, Bell& bell) {
  Worker& worker = conversation_.worker();
  const policy::ReviewTerms& terms = *decision_.rule->review;
  const Listening listening(conversation_, bell);
  // A guest that stands still has no client that loses patience.
  std::chrono::milliseconds patience = worker.config().review.client_wait;
  Frozen frozen;
  if (terms.freeze) {
    frozen = worker.freeze(conversation_.decisions().guest().identity(),
                           std::chrono::ceil<std::chrono::seconds>(terms.timeout));
    patience = std::max(patience, terms.timeout + kExpiryIsTold);
  }
  conversation_.forget_lateness();
  conversation_.expect_origin_within(patience);
  while (true) {
    // First: an approval is for a client that is there, and waits for the next one when this one is not.
    if (conversation_.interrupted() || conversation_.guest_gone()) co_return Gone{};
    switch (hold.turn()) {
      case Turn::kSend:
        co_return decide_again(hold.ticket());
      case Turn::kRejected:
        co_return deny(policy::Reason::kReviewRejected);
      case Turn::kExpired:
        co_return deny(policy::Reason::kReviewExpired);
      case Turn::kWithdrawn:
        co_return deny(policy::Reason::kStaleApproval);
      case Turn::kSpent:
        co_return deny(policy::Reason::kReviewSpent);
      case Turn::kWait:
        break;
    }
    if (conversation_.origin_late()) co_return deny(policy::Reason::kReviewPending);
    co_await bell.wait();
  }
}

policy::Decision HeldRequest::decide_again(const review::Ticket& ticket) const {
  Decisions& decisions = conversation_.decisions();
  policy::Facts now = facts_;
  now.now = WallClock::now();
  const policy::Decision decision = decisions.decide(now);
  decisions.reviewed(ticket.id.text(), approvers_of(ticket));
  return review::after_approval(*ticket.question, decision);
}

policy::Decision HeldRequest::deny(policy::Reason reason) const {
  return {.reason = reason, .rule = decision_.rule};
}

}  // namespace enforcer::proxy
