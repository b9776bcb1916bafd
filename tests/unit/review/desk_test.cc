// What becomes of a ticket: each way from pending to its one end, and what each of its clients is told.
#include "review/desk.h"

#include <doctest/doctest.h>

#include "fixture.h"

namespace enforcer::review {
namespace {

const AskingRule kOneApproval;
const AskingRule kTwoApprovals{2};

std::chrono::nanoseconds kept_for(const Ticket& ticket) {
  return ticket.expires - WallClock::now();
}

}  // namespace

TEST_CASE("an approved request is sent once, by the client that waits") {
  AttendedDesk at;
  Desk::Hold client = at.hold(question_of(kOneApproval));
  CHECK(client.turn() == Turn::kWait);
  CHECK(client.ticket().clients == 1);
  CHECK_FALSE(client.ticket().decided_after);

  const auto approved = at.desk.approve(at.newest(), kAlice, "fine");
  REQUIRE(approved);
  CHECK(approved->state == State::kApproved);
  REQUIRE(approved->approvals.size() == 1);
  CHECK(approved->approvals[0].by.name == "alice");
  CHECK(approved->approvals[0].comment == "fine");
  CHECK(approved->decided_after);
  CHECK(at.woken == 1);
  CHECK(client.turn() == Turn::kSend);
  CHECK(client.turn() == Turn::kSpent);
  CHECK(client.ticket().state == State::kSent);
  CHECK(at.hearing.story() == "asked approved sent");
  CHECK(at.hearing.heard()[0].who == std::nullopt);
  CHECK(at.hearing.heard()[1].who->uid == kAlice.uid);
}

TEST_CASE("a rejection ends it for every client of it") {
  AttendedDesk at;
  Desk::Hold first = at.hold(question_of(kOneApproval));
  Desk::Hold second = at.hold(question_of(kOneApproval));
  Desk::Hold other = at.hold(question_of(kOneApproval, "/v1/stacks/b"));
  const std::string id(first.ticket().id.text());
  const auto rejected = at.desk.reject(id, kBob, "no");
  REQUIRE(rejected);
  CHECK(rejected->rejection->by.name == "bob");
  CHECK(rejected->decided_after);
  CHECK(first.turn() == Turn::kRejected);
  CHECK(second.turn() == Turn::kRejected);
  CHECK(other.turn() == Turn::kWait);  // another request
  CHECK(at.woken == 2);
  CHECK(at.hearing.story() == "asked asked rejected");
}

TEST_CASE("two approvals are of two people, and the first alone lets nothing through") {
  AttendedDesk at;
  Desk::Hold client = at.hold(question_of(kTwoApprovals));
  const std::string id = at.newest();
  REQUIRE(at.desk.approve(id, kAlice, ""));
  CHECK(client.turn() == Turn::kWait);
  CHECK(at.woken == 0);
  CHECK_FALSE(client.ticket().decided_after);
  REQUIRE(at.desk.approve(id, kBob, ""));
  CHECK(client.turn() == Turn::kSend);
  CHECK(at.hearing.story() == "asked approval approved sent");
}

TEST_CASE("identical requests share a ticket, and one of their clients sends it (invariant 12)") {
  AttendedDesk at;
  Desk::Hold first = at.hold(question_of(kOneApproval));
  Desk::Hold second = at.hold(question_of(kOneApproval));
  CHECK(at.desk.tickets().size() == 1);
  CHECK(first.ticket().clients == 2);
  REQUIRE(at.desk.approve(at.newest(), kAlice, ""));
  CHECK(at.woken == 2);
  CHECK(second.turn() == Turn::kSend);
  CHECK(first.turn() == Turn::kSpent);
  CHECK(at.hearing.story() == "asked approved sent");
  // What was used up is no answer to the next one.
  Desk::Hold third = at.hold(question_of(kOneApproval));
  CHECK(third.turn() == Turn::kWait);
  CHECK(at.desk.tickets().size() == 2);
}

TEST_CASE("a request that has its answer takes its question back, unless others wait for it") {
  AttendedDesk attended;
  Desk::Hold alone = attended.hold(question_of(kOneApproval));
  alone.withdraw();
  CHECK(alone.turn() == Turn::kWithdrawn);
  Desk::Hold one = attended.hold(question_of(kOneApproval));
  Desk::Hold other = attended.hold(question_of(kOneApproval));
  one.withdraw();
  CHECK(other.turn() == Turn::kWait);
}

TEST_CASE("a client that leaves leaves its question, and the approval is for the next that comes") {
  AttendedDesk at({.grant = std::chrono::minutes(15)});
  {
    const Desk::Hold gone = at.hold(question_of(kOneApproval));
  }
  CHECK(at.desk.tickets().front().clients == 0);
  const auto approved = at.desk.approve(at.newest(), kAlice, "");
  REQUIRE(approved);
  CHECK(kept_for(*approved) > std::chrono::minutes(14));
  CHECK(kept_for(*approved) <= std::chrono::minutes(15));
  CHECK(at.hearing.story() == "asked approved");  // nothing is sent without a client
  Desk::Hold other = at.hold(question_of(kOneApproval, "/v1/stacks/b"));
  CHECK(other.turn() == Turn::kWait);
  Desk::Hold again = at.hold(question_of(kOneApproval));
  CHECK(again.turn() == Turn::kSend);
}

TEST_CASE("an approval that its client did not take is a grant as well") {
  AttendedDesk at;
  {
    const Desk::Hold gone = at.hold(question_of(kOneApproval));
    REQUIRE(at.desk.approve(at.newest(), kAlice, ""));
  }
  CHECK(at.desk.tickets().front().state == State::kApproved);
  Desk::Hold again = at.hold(question_of(kOneApproval));
  CHECK(again.turn() == Turn::kSend);
}

TEST_CASE("what would be refused is told before its body is known, and what may join is not") {
  const auto refuses = [](const AttendedDesk& at, std::string_view path, Epoch epoch = Epoch{7}) {
    return at.desk.refuses(epoch, facts_of(deletion(path)));
  };
  AttendedDesk at({.pending_per_guest = 1});
  CHECK_FALSE(refuses(at, "/v1/stacks/a"));
  Desk::Hold held = at.hold(question_of(kOneApproval));
  CHECK(refuses(at, "/v1/stacks/b") == Desk::Refusal::kQueueFull);
  CHECK_FALSE(at.desk.hold(question_of(kOneApproval, "/v1/stacks/b"), [] {}));  // as hold() says
  CHECK_FALSE(refuses(at, "/v1/stacks/a"));                                     // the same again
  CHECK_FALSE(refuses(at, "/v1/stacks/b", Epoch{8}));                           // another guest
  REQUIRE(at.desk.approve(at.newest(), kAlice, ""));
  CHECK_FALSE(refuses(at, "/v1/stacks/b"));  // nothing pends
  at.somebody.reset();
  CHECK(refuses(at, "/v1/stacks/b") == Desk::Refusal::kNoReviewer);
  CHECK_FALSE(refuses(at, "/v1/stacks/a"));  // somebody has said yes
  CHECK(held.turn() == Turn::kSend);
  CHECK(refuses(at, "/v1/stacks/a") == Desk::Refusal::kNoReviewer);
}

TEST_CASE("what nobody decides expires at its time, not before") {
  AttendedDesk at;
  const auto before = Monotonic::now();
  Desk::Hold client = at.hold(question_of(kOneApproval));
  const auto after = Monotonic::now();
  at.desk.expire(before + std::chrono::minutes(10) - std::chrono::nanoseconds(1));
  CHECK(client.turn() == Turn::kWait);
  at.desk.expire(after + std::chrono::minutes(10));
  CHECK(client.turn() == Turn::kExpired);
  CHECK_FALSE(client.ticket().decided_after);
  CHECK(at.woken == 1);
  CHECK(at.hearing.story() == "asked expired");
}

TEST_CASE("a grant expires by its own time, counted from the approval") {
  AttendedDesk at({.grant = std::chrono::minutes(20)});
  Desk::Hold client = at.hold(question_of(kOneApproval));
  REQUIRE(at.desk.approve(at.newest(), kAlice, ""));
  const auto approved = Monotonic::now();
  at.desk.expire(approved + std::chrono::minutes(19));  // the question's ten minutes are over
  CHECK(client.ticket().state == State::kApproved);
  at.desk.expire(approved + std::chrono::minutes(20));
  CHECK(client.turn() == Turn::kExpired);
  CHECK(at.hearing.story() == "asked approved expired");
}

TEST_CASE("its time counts also where nobody has called expire() yet") {
  const AskingRule quick(1, std::chrono::milliseconds(1));
  AttendedDesk at({.grant = std::chrono::nanoseconds(0)});
  SUBCASE("for a verdict") {
    const Desk::Hold client = at.hold(question_of(quick));
    while (client.ticket().expires >= WallClock::now()) {
    }
    const auto late = at.desk.approve(at.newest(), kAlice, "");
    REQUIRE_FALSE(late);
    CHECK(late.error().code == Errc::kConflict);
    CHECK(late.error().message.contains("has expired"));
    CHECK(at.hearing.story() == "asked expired late_verdict");
  }
  SUBCASE("for the client of a grant") {
    Desk::Hold client = at.hold(question_of(kOneApproval));
    REQUIRE(at.desk.approve(at.newest(), kAlice, ""));
    CHECK(client.turn() == Turn::kExpired);
    CHECK(at.hearing.story() == "asked approved expired");
  }
  SUBCASE("for the next request, which asks anew") {
    Desk::Hold client = at.hold(question_of(kOneApproval));
    REQUIRE(at.desk.approve(at.newest(), kAlice, ""));
    Desk::Hold next = at.hold(question_of(kOneApproval));
    CHECK(next.turn() == Turn::kWait);
    CHECK(client.turn() == Turn::kExpired);
    CHECK(at.hearing.story() == "asked approved expired asked");
  }
}

TEST_CASE("a guest that is gone takes its tickets with it, of this boot only") {
  AttendedDesk at;
  Desk::Hold client = at.hold(question_of(kOneApproval, "/a", Epoch{7}));
  Desk::Hold granted = at.hold(question_of(kOneApproval, "/b", Epoch{7}));
  REQUIRE(at.desk.approve(at.newest(), kAlice, ""));
  Desk::Hold other = at.hold(question_of(kOneApproval, "/a", Epoch{8}));
  at.desk.withdraw_guest(Slot{4}, Epoch{7});
  CHECK(client.turn() == Turn::kWait);
  at.desk.withdraw_guest(Slot{3}, Epoch{7});
  CHECK(client.turn() == Turn::kWithdrawn);
  CHECK(granted.turn() == Turn::kWithdrawn);
  CHECK(other.turn() == Turn::kWait);
  at.desk.withdraw_all();
  CHECK(other.turn() == Turn::kWithdrawn);
}

TEST_CASE("a reload withdraws what is not asked any more, approved or not") {
  AttendedDesk at;
  Desk::Hold pending = at.hold(question_of(kOneApproval, "/gone"));
  Desk::Hold granted = at.hold(question_of(kOneApproval, "/gone/too"));
  REQUIRE(at.desk.approve(at.newest(), kAlice, ""));
  Desk::Hold kept = at.hold(question_of(kOneApproval, "/kept"));
  Desk::Hold kept_grant = at.hold(question_of(kOneApproval, "/kept/too"));
  REQUIRE(at.desk.approve(at.newest(), kAlice, ""));
  at.desk.withdraw_unasked([&](const Question& question) {
    (void)at.desk.tickets();  // no lock is held
    return question.facts.request->path.starts_with("/kept");
  });
  CHECK(pending.turn() == Turn::kWithdrawn);
  CHECK(granted.turn() == Turn::kWithdrawn);
  CHECK(kept.turn() == Turn::kWait);
  CHECK(kept_grant.turn() == Turn::kSend);
}

TEST_CASE("the end of the desk is the end of its tickets") {
  Hearing hearing;
  auto desk = std::make_unique<Desk>(DeskLimits{}, hearing);
  auto somebody = desk->attend();
  auto held = desk->hold(question_of(kOneApproval), [] {});
  REQUIRE(held);
  CHECK(held->turn() == Turn::kWait);
  desk.reset();
  CHECK(held->turn() == Turn::kWithdrawn);
  CHECK(hearing.story() == "asked withdrawn");
  somebody.reset();
}

TEST_CASE("tickets come newest first, and what waits is counted") {
  AttendedDesk at;
  CHECK(at.desk.waiting().pending == 0);
  CHECK_FALSE(at.desk.waiting().oldest);
  const Desk::Hold a = at.hold(question_of(kOneApproval, "/a"));
  const Desk::Hold b = at.hold(question_of(kOneApproval, "/b"));
  const Desk::Hold c = at.hold(question_of(kOneApproval, "/c"));
  const auto tickets = at.desk.tickets();
  REQUIRE(tickets.size() == 3);
  CHECK(tickets[0].question->facts.request->path == "/c");
  CHECK(tickets[2].question->facts.request->path == "/a");
  CHECK(at.desk.waiting().pending == 3);
  CHECK(at.desk.waiting().oldest == a.ticket().asked);
  REQUIRE(at.desk.approve(a.ticket().id.text(), kAlice, ""));
  CHECK(at.desk.waiting().pending == 2);
  CHECK(at.desk.waiting().oldest == b.ticket().asked);
}

TEST_CASE("the observer hears before the client acts, and may call the desk") {
  AttendedDesk at;
  std::vector<std::size_t> counts;
  at.hearing.then = [&](const Ticket& ticket, Change change) {
    counts.push_back(at.desk.tickets().size());
    if (change == Change::kAsked) (void)at.desk.approve(ticket.id.text(), kAlice, "by the observer");
    if (change == Change::kApproved) CHECK(at.woken == 0);
  };
  Desk::Hold client = at.hold(question_of(kOneApproval));
  CHECK(client.turn() == Turn::kSend);
  CHECK(at.hearing.story() == "asked approved sent");
  CHECK(counts == std::vector<std::size_t>{1, 1, 1});
}

}  // namespace enforcer::review
