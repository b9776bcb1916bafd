// What the desk refuses: to people, and to guests.
#include <doctest/doctest.h>

#include "fixture.h"
#include "review/desk.h"

namespace enforcer::review {
namespace {

const AskingRule kOne;
const AskingRule kTwo{2};

}  // namespace

TEST_CASE("who made the guest may not approve for it, but may say no") {
  AttendedDesk at;
  Desk::Hold client = at.hold(question_of(kOne));
  const std::string id = at.newest();
  const auto refused = at.desk.approve(id, kOwner, "");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kDenied);
  CHECK(refused.error().message.contains("owner made guest agent-1"));
  CHECK(client.turn() == Turn::kWait);
  CHECK(at.hearing.story() == "asked refused_verdict");
  CHECK(at.hearing.heard().back().who->name == "owner");
  CHECK(at.desk.reject(id, kOwner, ""));
  CHECK(client.turn() == Turn::kRejected);
}

TEST_CASE("without a known owner anybody else's approval counts") {
  AttendedDesk at;
  Question question = question_of(kOne);
  question.owner.reset();
  Desk::Hold client = at.hold(question);
  CHECK(at.desk.approve(at.newest(), kOwner, ""));
  CHECK(client.turn() == Turn::kSend);
}

TEST_CASE("root is one approval where one is enough, and none where two are needed") {
  AttendedDesk at;
  Desk::Hold two = at.hold(question_of(kTwo, "/two"));
  const auto refused = at.desk.approve(at.newest(), kRoot, "");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kDenied);
  CHECK(two.ticket().approvals.empty());
  CHECK(at.hearing.story() == "asked refused_verdict");
  Desk::Hold one = at.hold(question_of(kOne, "/one"));
  CHECK(at.desk.approve(at.newest(), kRoot, ""));
  CHECK(one.turn() == Turn::kSend);
}

TEST_CASE("the same person is one person, whatever the name") {
  AttendedDesk at;
  Desk::Hold client = at.hold(question_of(kTwo));
  const std::string id = at.newest();
  REQUIRE(at.desk.approve(id, kAlice, ""));
  const auto again = at.desk.approve(id, {.uid = kAlice.uid, .name = "alicia"}, "");
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Errc::kConflict);
  CHECK(again.error().message.contains("1 of 2 approvals"));
  CHECK(client.turn() == Turn::kWait);
  CHECK(client.ticket().approvals.size() == 1);
  CHECK(at.hearing.story() == "asked approval refused_verdict");
  CHECK(at.desk.approve(id, {.uid = 1003, .name = "alice"}, ""));  // another account of the same name
  CHECK(client.turn() == Turn::kSend);
}

TEST_CASE("a verdict that comes too late is refused with what happened, and heard") {
  AttendedDesk at;
  Desk::Hold client = at.hold(question_of(kOne));
  const std::string id = at.newest();
  const auto late = [&](std::string_view what) {
    for (const bool yes : {true, false}) {
      if (!yes && client.ticket().state == State::kApproved) continue;  // a no is in time until it is sent
      const auto refused = yes ? at.desk.approve(id, kBob, "") : at.desk.reject(id, kBob, "");
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == Errc::kConflict);
      CAPTURE(refused.error().message);
      CHECK(refused.error().message.contains(what));
      CHECK(at.hearing.heard().back().change == Change::kLateVerdict);
      CHECK(at.hearing.heard().back().who->name == "bob");
    }
  };
  SUBCASE("approved") {
    REQUIRE(at.desk.approve(id, kAlice, ""));
    late("was approved already, by alice");
    CHECK(at.desk.reject(id, kBob, "wait"));
    CHECK(client.turn() == Turn::kRejected);
    late("was rejected already, by bob");
  }
  SUBCASE("sent") {
    REQUIRE(at.desk.approve(id, kAlice, ""));
    CHECK(client.turn() == Turn::kSend);
    late("by alice, and has been sent");
    CHECK(client.turn() == Turn::kSpent);
  }
  SUBCASE("rejected") {
    REQUIRE(at.desk.reject(id, kAlice, ""));
    late("was rejected already, by alice");
  }
  SUBCASE("expired") {
    at.desk.expire(Monotonic::now() + std::chrono::hours(1));
    late("has expired");
  }
  SUBCASE("withdrawn") {
    at.desk.withdraw_all();
    late("was withdrawn");
  }
}

TEST_CASE("a refused verdict is heard once from each person in each state, however often it is said") {
  AttendedDesk at;
  Desk::Hold client = at.hold(question_of(kTwo));
  Desk::Hold other = at.hold(question_of(kTwo, "/other"));
  const std::string id(client.ticket().id.text());
  const auto insist = [&](const Reviewer& who, std::string_view on) {
    for (int i = 0; i < 50; ++i) {
      CHECK_FALSE(at.desk.approve(on, who, ""));
      if (is_end(at.desk.ticket(on)->state)) CHECK_FALSE(at.desk.reject(on, who, ""));
    }
  };
  insist(kOwner, id);
  insist({.uid = kOwner.uid, .name = "by another name"}, id);
  CHECK(at.hearing.story() == "asked asked refused_verdict");
  insist(kRoot, id);  // another person
  CHECK(at.hearing.story() == "asked asked refused_verdict refused_verdict");
  insist(kOwner, other.ticket().id.text());  // another ticket
  CHECK(at.hearing.story() == "asked asked refused_verdict refused_verdict refused_verdict");

  const std::size_t pending = at.hearing.heard().size();
  REQUIRE(at.desk.reject(id, kAlice, ""));
  insist(kBob, id);
  insist(kOwner, id);  // may not, and comes too late with a no
  const auto all = at.hearing.heard();
  REQUIRE(all.size() == pending + 4);
  CHECK(all[pending].change == Change::kRejected);
  CHECK(all[pending + 1].change == Change::kLateVerdict);
  CHECK(all[pending + 1].who->name == "bob");
  CHECK(all[pending + 2].change == Change::kRefusedVerdict);
  CHECK(all[pending + 2].ticket.state == State::kRejected);
  CHECK(all[pending + 3].change == Change::kLateVerdict);
  CHECK(all[pending + 3].who->name == "owner");
  // What counts is announced each time.
  REQUIRE(at.desk.approve(other.ticket().id.text(), kAlice, ""));
  REQUIRE(at.desk.approve(other.ticket().id.text(), kBob, ""));
  CHECK(at.hearing.heard().size() == pending + 6);
}

TEST_CASE("an end is remembered for 256 more ends") {
  AttendedDesk at;
  const auto end_one = [&](int number) {
    Desk::Hold client = at.hold(question_of(kOne, fmt::format("/{}", number)));
    const std::string id = at.newest();
    REQUIRE(at.desk.reject(id, kAlice, ""));
    return std::pair(id, std::move(client));
  };
  auto [first, client] = end_one(0);
  for (int i = 1; i < 256; ++i) end_one(i);
  CHECK(at.desk.ticket(first));
  CHECK(at.desk.reject(first, kBob, "").error().code == Errc::kConflict);
  end_one(256);
  CHECK(at.desk.ticket(first).error().code == Errc::kNotFound);
  CHECK(at.desk.reject(first, kBob, "").error().code == Errc::kNotFound);
  CHECK(at.desk.tickets().size() == 256);
  CHECK(client.turn() == Turn::kRejected);  // its own client still hears it
}

TEST_CASE("an id that nobody has is not found, and said safely") {
  AttendedDesk at;
  const Desk::Hold client = at.hold(question_of(kOne));
  for (const std::string_view id : {"", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "\x1b[2J"}) {
    const auto missing = at.desk.approve(id, kAlice, "");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == Errc::kNotFound);
    CHECK_FALSE(missing.error().message.contains('\x1b'));
    CHECK(at.desk.reject(id, kAlice, "").error().code == Errc::kNotFound);
    CHECK(at.desk.ticket(id).error().code == Errc::kNotFound);
  }
  CHECK(at.hearing.story() == "asked");
}

TEST_CASE("a comment has a length that fits into a record") {
  AttendedDesk at;
  Desk::Hold client = at.hold(question_of(kOne));
  const std::string id = at.newest();
  CHECK(at.desk.approve(id, kAlice, std::string(1025, 'x')).error().code == Errc::kInvalid);
  CHECK(at.desk.reject(id, kAlice, std::string(1025, 'x')).error().code == Errc::kInvalid);
  CHECK(client.turn() == Turn::kWait);
  CHECK(at.desk.approve(id, kAlice, std::string(1024, 'x')));
}

TEST_CASE("nobody is asked where nobody is there") {
  AttendedDesk at;
  auto second = at.desk.attend();
  const Desk::Hold pending = at.hold(question_of(kOne, "/pending"));
  const Desk::Hold granted = at.hold(question_of(kOne, "/granted"));
  REQUIRE(at.desk.approve(at.newest(), kAlice, ""));
  at.somebody.reset();
  {
    const Desk::Hold still = at.hold(question_of(kOne, "/one"));
  }  // the second one is there
  second.reset();
  const auto refused = at.desk.hold(question_of(kOne, "/new"), [] {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == Desk::Refusal::kNoReviewer);
  // What was asked before stays: somebody may come back in time, or has said yes.
  CHECK(at.hold(question_of(kOne, "/pending")).turn() == Turn::kWait);
  CHECK(at.hold(question_of(kOne, "/granted")).turn() == Turn::kSend);
  // A grant that is used up is no reviewer.
  CHECK(at.desk.hold(question_of(kOne, "/granted"), [] {}).error() == Desk::Refusal::kNoReviewer);
  const auto back = at.desk.attend();
  CHECK(at.desk.hold(question_of(kOne, "/new"), [] {}));
}

TEST_CASE("a guest has so many pending tickets, and no more; others have their own") {
  AttendedDesk at({.pending_per_guest = 2});
  const Desk::Hold a = at.hold(question_of(kOne, "/a"));
  {
    const Desk::Hold b = at.hold(question_of(kOne, "/b"));
  }  // its client is gone, and it still waits
  const std::string b = at.newest();
  CHECK(at.desk.hold(question_of(kOne, "/c"), [] {}).error() == Desk::Refusal::kQueueFull);
  CHECK(at.desk.hold(question_of(kOne, "/a"), [] {}));  // clients do not count, tickets do
  CHECK(at.desk.hold(question_of(kOne, "/c", Epoch{8}), [] {}));
  SUBCASE("a verdict makes room") {
    REQUIRE(at.desk.approve(b, kAlice, ""));
  }
  SUBCASE("an end makes room") {
    at.desk.expire(Monotonic::now() + std::chrono::hours(1));
  }
  SUBCASE("a withdrawal makes room") {
    at.desk.withdraw_unasked([](const Question& q) { return q.facts.request->path != "/b"; });
  }
  CHECK(at.desk.hold(question_of(kOne, "/c"), [] {}));
}

TEST_CASE("so many clients wait for one ticket, and no more") {
  AttendedDesk at;
  std::vector<Desk::Hold> clients;
  for (int i = 0; i < 32; ++i) clients.push_back(at.hold(question_of(kOne)));
  CHECK(at.desk.hold(question_of(kOne), [] {}).error() == Desk::Refusal::kQueueFull);
  CHECK(clients[0].ticket().clients == 32);
  clients.pop_back();
  CHECK(at.desk.hold(question_of(kOne), [] {}));
}

TEST_CASE("every state and change has its own word") {
  CHECK(label(State::kPending) == "pending");
  CHECK(label(State::kWithdrawn) == "withdrawn");
  CHECK(label(Change::kAsked) == "asked");
  CHECK(label(Change::kLateVerdict) == "late_verdict");
  CHECK_FALSE(is_end(State::kPending));
  CHECK_FALSE(is_end(State::kApproved));
  for (const State end : {State::kSent, State::kRejected, State::kExpired, State::kWithdrawn}) CHECK(is_end(end));
}

}  // namespace enforcer::review
