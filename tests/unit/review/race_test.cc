// Everything that can happen to a ticket happens at once, a thousand times: it has one outcome (attack 187).
#include <doctest/doctest.h>

#include <algorithm>
#include <latch>
#include <thread>

#include "fixture.h"
#include "review/desk.h"

namespace enforcer::review {
namespace {

constexpr unsigned kRounds = 1000;
constexpr unsigned kKindsOfEnd = 5;

const AskingRule kAskingOne;
const AskingRule kAskingTwo{2};

/// One ticket, two clients, and everybody who can do something to it.
class Round {
 public:
  Round(AttendedDesk& at, unsigned number)
      : at_(at),
        number_(number),
        rule_(number % 4 == 3 ? kAskingTwo : kAskingOne),
        epoch_{number + 1},
        leaving_(at.hold(question())),
        first_(at.hold(question())),
        second_(at.hold(question())),
        id_(first_.ticket().id.text()) {}

  void run() {
    std::vector<std::function<void()>> actors = {
        [&] { approvals_ += at_.desk.approve(id_, kAlice, "").has_value() ? 1 : 0; },
        [&] { approvals_ += at_.desk.approve(id_, kBob, "").has_value() ? 1 : 0; },
        [&] { take(first_); },
        [&] { take(second_); },
        [&] {
          take(leaving_);
          const Desk::Hold gone = std::move(leaving_);
        },
        [&] { (void)at_.desk.tickets(); },
    };
    // Sometimes one of them, sometimes some, sometimes all.
    const std::function<void()> ends[kKindsOfEnd] = {
        [&] { rejections_ += at_.desk.reject(id_, kBob, "").has_value() ? 1 : 0; },
        [&] { at_.desk.expire(Monotonic::now() + std::chrono::hours(1)); },
        [&] { at_.desk.withdraw_guest(Slot{3}, epoch_); },
        [&] { at_.desk.withdraw_unasked([](const Question&) { return false; }); },
        [&] { rejections_ += at_.desk.reject(id_, kAlice, "").has_value() ? 1 : 0; },
    };
    for (unsigned kind = 0; kind < kKindsOfEnd; ++kind) {
      if ((number_ >> kind & 1) != 0) actors.push_back(ends[kind]);
    }
    std::rotate(actors.begin(), actors.begin() + static_cast<std::ptrdiff_t>(number_ % actors.size()), actors.end());
    std::latch start(static_cast<std::ptrdiff_t>(actors.size()));
    std::vector<std::jthread> threads;
    for (const auto& actor : actors) {
      threads.emplace_back([&start, &actor] {
        start.arrive_and_wait();
        actor();
      });
    }
  }

  /// What was said to all of them fits together.
  State judge() {
    // The same answer to both that are left, whatever it is; then the end, should there be none yet.
    take(first_);
    take(second_);
    at_.desk.withdraw_all();
    const Ticket ticket = first_.ticket();
    CAPTURE(number_);
    CAPTURE(story());
    REQUIRE(is_end(ticket.state));
    CHECK(sends_ == (ticket.state == State::kSent ? 1 : 0));
    CHECK(first_.turn() == turn_of(ticket.state));
    CHECK(second_.turn() == turn_of(ticket.state));
    CHECK(rejections_ == (ticket.state == State::kRejected ? 1 : 0));
    CHECK(rejections_ == count(Change::kRejected));
    CHECK(approvals_ == static_cast<int>(ticket.approvals.size()));
    CHECK(approvals_ == count(Change::kApproval) + count(Change::kApproved));
    CHECK(count(Change::kApproved) == (ticket.approvals.size() == ticket.approvals_needed ? 1 : 0));
    CHECK(count(Change::kSent) + count(Change::kRejected) + count(Change::kExpired) + count(Change::kWithdrawn) == 1);
    if (ticket.state == State::kSent) CHECK(count(Change::kApproved) == 1);
    check_order();
    return ticket.state;
  }

 private:
  Question question() const { return question_of(rule_, "/v1/stacks/a", epoch_); }

  void take(Desk::Hold& client) {
    for (int tries = 0; tries < 20; ++tries) {
      const Turn turn = client.turn();
      if (turn == Turn::kSend) ++sends_;
      if (turn != Turn::kWait) return;
      std::this_thread::yield();
    }
  }

  static Turn turn_of(State state) {
    switch (state) {
      case State::kPending:
        return Turn::kWait;
      case State::kApproved:
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
    return Turn::kWait;
  }

  std::vector<Hearing::Heard> heard() const {
    auto all = at_.hearing.heard();
    std::erase_if(all, [&](const Hearing::Heard& one) { return one.ticket.id.text() != id_; });
    return all;
  }
  int count(Change change) const {
    return static_cast<int>(std::ranges::count(heard(), change, &Hearing::Heard::change));
  }
  std::string story() const {
    std::string words;
    for (const auto& one : heard()) words += std::string(label(one.change)) + ' ';
    return words;
  }

  /// Asked first, then as it happened, and after the end nothing but verdicts that came too late.
  void check_order() const {
    const auto all = heard();
    REQUIRE_FALSE(all.empty());
    CHECK(all.front().change == Change::kAsked);
    bool over = false;
    std::size_t approvals = 0;
    for (const auto& one : all) {
      if (over) CHECK((one.change == Change::kLateVerdict || one.change == Change::kRefusedVerdict));
      over = over || is_end(one.ticket.state);
      CHECK(is_end(one.ticket.state) == over);
      CHECK(one.ticket.approvals.size() >= approvals);
      approvals = one.ticket.approvals.size();
    }
    CHECK(over);
  }

  AttendedDesk& at_;
  const unsigned number_;
  const AskingRule& rule_;
  const Epoch epoch_;
  Desk::Hold leaving_;
  Desk::Hold first_;
  Desk::Hold second_;
  const std::string id_;
  std::atomic<int> sends_ = 0;
  std::atomic<int> approvals_ = 0;
  std::atomic<int> rejections_ = 0;
};

}  // namespace

TEST_CASE("whatever comes at once, a ticket has exactly one outcome (invariant 12)") {
  std::map<State, int> outcomes;
  for (unsigned number = 0; number < kRounds; ++number) {
    AttendedDesk at;
    Round round(at, number);
    round.run();
    ++outcomes[round.judge()];
  }
  // Races that always end alike would be none.
  CAPTURE(outcomes[State::kExpired]);
  CHECK(outcomes[State::kSent] > 0);
  CHECK(outcomes[State::kRejected] > 0);
  CHECK(outcomes[State::kWithdrawn] > 0);
}

TEST_CASE("requests that come while a ticket ends join it or ask anew, and each approval sends one") {
  std::atomic<int> sends = 0;
  int approvals = 0;
  for (unsigned number = 0; number < kRounds; ++number) {
    AttendedDesk at;
    Desk::Hold client = at.hold(question_of(kAskingOne));
    const std::string id = at.newest();
    std::latch start(4);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
          start.arrive_and_wait();
          Desk::Hold next = at.hold(question_of(kAskingOne));
          if (next.turn() == Turn::kSend) ++sends;
        });
      }
      start.arrive_and_wait();
      approvals += at.desk.approve(id, kAlice, "").has_value() ? 1 : 0;
    }
    if (client.turn() == Turn::kSend) ++sends;
    CHECK(at.desk.tickets().size() <= 4);
  }
  CHECK(approvals == kRounds);
  CHECK(sends == kRounds);
}

}  // namespace enforcer::review
