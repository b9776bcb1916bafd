// The live view without a terminal: keys in, lines and effects out.
#include "enforcerctl/review_screen.h"

#include <algorithm>

#include "review_sample.h"

using namespace enforcer;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;

namespace {

const auto kWatched = WallClock::time_point(std::chrono::seconds(1'700'000'090));

control::ReviewChange change_to(control::ReviewInfo review, std::string change = "standing") {
  return {.change = std::move(change), .by = std::nullopt, .review = std::move(review)};
}

struct Watching {
  ReviewScreen screen;
  KeyReader keys;

  Effect type(std::string_view octets) {
    Effect last;
    std::vector<Key> pressed = keys.feed(octets);
    if (keys.undecided()) {
      for (const Key& key : keys.settle()) pressed.push_back(key);
    }
    for (const Key& key : pressed) {
      last = screen.press(key);
    }
    return last;
  }
  [[nodiscard]] std::string shown(std::size_t width = 100, std::size_t height = 30) const {
    return joined_lines(screen.render(width, height, kWatched));
  }
};

Watching two_waiting() {
  Watching watching;
  watching.screen.changed(change_to(info_named("AAAAAAAA")));
  watching.screen.changed(change_to(info_named("BBBBBBBB", {.host = "b.example", .approvals_needed = 2})));
  return watching;
}

}  // namespace

TEST_CASE("keys_are_read_also_in_pieces_and_what_is_no_key_is_dropped") {
  using Kind = Key::Kind;
  const auto kinds = [](const std::vector<Key>& keys) {
    std::vector<Kind> all;
    for (const Key& key : keys) all.push_back(key.kind);
    return all;
  };
  const std::string typed = "a\r\x7f\x03\x1b[A\x1b[B\x1bOA\x1bOB\x1b[5~\x1b[6~\x1b[1;5C\x1bx\x01\xff";
  const std::vector<Kind> expected{Kind::kCharacter, Kind::kEnter, Kind::kBackspace, Kind::kInterrupt, Kind::kUp,
                                   Kind::kDown,      Kind::kUp,    Kind::kDown,      Kind::kPageUp,    Kind::kPageDown};
  for (std::size_t split = 0; split <= typed.size(); ++split) {
    CAPTURE(split);
    KeyReader reader;
    std::vector<Key> keys = reader.feed(typed.substr(0, split));
    for (const Key& key : reader.feed(typed.substr(split))) keys.push_back(key);
    CHECK(kinds(keys) == expected);
    CHECK_FALSE(reader.undecided());
  }
  KeyReader alone;
  CHECK(alone.feed("\x1b").empty());
  CHECK(alone.undecided());
  CHECK(kinds(alone.settle()) == std::vector<Kind>{Kind::kEscape});
  CHECK_FALSE(alone.undecided());
  KeyReader twice;
  CHECK(kinds(twice.feed("\x1b\x1b")) == std::vector<Kind>{Kind::kEscape});
  KeyReader endless;
  CHECK(endless.feed("\x1b[" + std::string(10'000, '1')).empty());
}

TEST_CASE("lists_what_waits_and_marks_one") {
  const Watching watching = two_waiting();
  const Lines lines = watching.screen.render(100, 10, kWatched);
  REQUIRE(lines.size() == 10);
  CHECK(lines[0] == "Enforcer: 2 held requests");
  CHECK(lines[2] == "> AAAAAAAA  agent-1    8m 30s   0/1   1  stacks.eu.acme.co.uk  cloudformation:DeleteStack");
  CHECK(lines[3] == "  BBBBBBBB  agent-1    8m 30s   0/2   1  b.example  cloudformation:DeleteStack");
  CHECK(lines[9] == "j k choose   Enter details   a approve   r reject   q quit");
  CHECK(Watching().shown().contains("Nothing waits for a decision."));
}

TEST_CASE("an_approval_needs_a_question_and_a_yes") {
  for (const std::string_view yes : {"ay\r", "ayes\r", "anoo\x7f\x7f\x7fy\r"}) {
    CAPTURE(yes);
    Watching watching = two_waiting();
    const Effect effect = watching.type(yes);
    CHECK(effect.kind == Effect::Kind::kApprove);
    CHECK(effect.review.id.ends_with("AAAAAAAA"));
    CHECK(effect.review.fingerprint == control::testing::sample_fingerprint());
  }
  for (const std::string_view no : {"a\r", "an\r", "aY\r", "ay\x1b", "ay\x03", "ayy\r", "ay", "a", "y\r"}) {
    CAPTURE(no);
    Watching watching = two_waiting();
    CHECK(watching.type(no).kind == Effect::Kind::kNone);
  }
  Watching watching = two_waiting();
  (void)watching.type("a");
  const std::string shown = watching.shown();
  CHECK(shown.contains("A yes lets guest agent-1 send this one request, once:"));
  CHECK(shown.contains("  fingerprint  " + control::testing::sample_fingerprint()));
  CHECK(shown.contains("Approve? y and Enter"));
}

TEST_CASE("a_rejection_takes_a_comment") {
  Watching watching = two_waiting();
  const Effect effect = watching.type("jrnot today\r");
  CHECK(effect.kind == Effect::Kind::kReject);
  CHECK(effect.review.id.ends_with("BBBBBBBB"));
  CHECK(effect.comment == "not today");
  CHECK(watching.type("r\r").kind == Effect::Kind::kReject);
  CHECK(watching.type("rq\x1b").kind == Effect::Kind::kNone);  // q is a letter of the comment, and Esc goes back
}

TEST_CASE("keys_choose_open_leave_and_quit") {
  Watching watching = two_waiting();
  CHECK(watching.type("jjj\x1b[A\x1b[Bkk").kind == Effect::Kind::kNone);
  CHECK(watching.shown().contains("> AAAAAAAA"));
  (void)watching.type("\r");
  CHECK(watching.shown(100, 40).contains("What the guest wrote, in quotes."));
  CHECK(watching.type("q").kind == Effect::Kind::kNone);  // back to the list first
  CHECK(watching.shown().contains("> AAAAAAAA"));
  CHECK(watching.type("q").kind == Effect::Kind::kQuit);
  CHECK(watching.type("\x03").kind == Effect::Kind::kQuit);
}

TEST_CASE("details_scroll_and_stop_at_their_ends") {
  Watching watching = two_waiting();
  (void)watching.type("\r");
  const std::string top = watching.shown(100, 10);
  CHECK(top.contains("  domain       acme.co.uk"));
  (void)watching.type("j");
  CHECK_FALSE(watching.shown(100, 10).contains("  domain       acme.co.uk"));
  (void)watching.type("\x1b[6~\x1b[6~\x1b[6~\x1b[6~\x1b[6~");
  CHECK(watching.shown(100, 10).contains("Action=DeleteStack"));
  (void)watching.type("\x1b[5~\x1b[5~\x1b[5~\x1b[5~\x1b[5~\x1b[5~");
  CHECK(watching.shown(100, 10) == top);
}

TEST_CASE("keys_never_hit_a_line_that_moved_under_them") {
  Watching watching = two_waiting();
  auto gone = info_named("AAAAAAAA");
  gone.state = "withdrawn";
  watching.screen.changed(change_to(gone, "withdrawn"));
  CHECK(watching.shown().contains("AAAAAAAA of guest agent-1: withdrawn"));
  CHECK_FALSE(watching.shown().contains("> "));
  CHECK(watching.type("ay\r").kind == Effect::Kind::kNone);
  CHECK(watching.type("jay\r").review.id.ends_with("BBBBBBBB"));
}

TEST_CASE("one_that_comes_is_chosen_only_when_nothing_else_waits") {
  Watching watching = two_waiting();
  auto gone = info_named("AAAAAAAA");
  gone.state = "withdrawn";
  watching.screen.changed(change_to(gone, "withdrawn"));
  watching.screen.changed(change_to(info_named("CCCCCCCC"), "asked"));
  CHECK(watching.shown().contains("  CCCCCCCC"));
  CHECK_FALSE(watching.shown().contains("> "));
  CHECK(watching.type("ay\r").kind == Effect::Kind::kNone);
  CHECK(watching.type("jay\r").review.id.ends_with("BBBBBBBB"));

  Watching empty;
  empty.screen.changed(change_to(info_named("CCCCCCCC"), "asked"));
  CHECK(empty.shown().contains("> CCCCCCCC"));
  CHECK(empty.type("ay\r").review.id.ends_with("CCCCCCCC"));
}

TEST_CASE("a_question_goes_away_when_somebody_else_decided") {
  for (const auto& [state, change] : {std::pair{"rejected", "rejected"}, {"approved", "approved"}}) {
    CAPTURE(state);
    Watching watching = two_waiting();
    (void)watching.type("ay");
    auto decided = info_named("AAAAAAAA");
    decided.state = state;
    watching.screen.changed({.change = change, .by = review::Reviewer{.uid = 7, .name = "bob"}, .review = decided});
    CHECK(watching.shown().contains(std::string("AAAAAAAA of guest agent-1: ") + change + " by bob"));
    CHECK(watching.type("\r").kind == Effect::Kind::kNone);
  }
  // What happens to another one changes nothing of the question.
  Watching watching = two_waiting();
  (void)watching.type("ay");
  auto other = info_named("BBBBBBBB");
  other.state = "rejected";
  watching.screen.changed(change_to(other, "rejected"));
  CHECK(watching.type("\r").kind == Effect::Kind::kApprove);
}

TEST_CASE("what_is_approved_already_is_not_asked_about_but_can_be_rejected") {
  Watching watching;
  watching.screen.changed(change_to(info_named("AAAAAAAA", {.clients = 0, .state = review::State::kApproved})));
  CHECK(watching.type("ay\r").kind == Effect::Kind::kNone);
  (void)watching.type("a");
  CHECK(watching.shown().contains("AAAAAAAA is approved already"));
  CHECK(watching.type("r\r").kind == Effect::Kind::kReject);
}

TEST_CASE("the_screen_has_its_size_and_nothing_but_printable_ascii_on_it") {
  const std::string hostile = "\x1b[2J\x1b]8;;x\x07\xe2\x80\xae\n" + std::string(4096, ' ') + "approved by root";
  SampleTicket sample{.action = hostile, .path = "/" + hostile, .query = hostile, .body = hostile};
  sample.fields = {{.name = "x-a", .value = hostile}};
  for (const std::string_view keys : {"", "\r", "a", "r", "ayes", "\rjjjjjjjjjj"}) {
    for (const auto& [width, height] : {std::pair{40U, 8U}, {80U, 24U}, {200U, 60U}, {1U, 1U}}) {
      CAPTURE(keys);
      CAPTURE(width);
      Watching watching;
      watching.screen.changed(change_to(info_named("AAAAAAAA", sample)));
      (void)watching.type(keys);
      const Lines lines = watching.screen.render(width, height, kWatched);
      CHECK(lines.size() == std::max(height, 8U));
      for (const std::string& line : lines) {
        CHECK(line.size() <= std::max(width, 40U));
        CHECK(std::ranges::all_of(line, [](char c) { return c >= 0x20 && c < 0x7f; }));
      }
    }
  }
}
