// What a reviewer reads: golden pages, and guests that try to write them.
#include "enforcerctl/review_text.h"

#include <algorithm>

#include "review_sample.h"

using namespace enforcer;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;

namespace {

const auto kNow = WallClock::time_point(std::chrono::seconds(1'700'000'090));

/// A line that nobody but us begins: a fact's name stands two characters from the left.
bool claims(const Lines& lines, std::string_view fact) {
  return std::ranges::any_of(lines, [&](const std::string& line) { return line.starts_with(fact); });
}

void check_plain(const Lines& lines, std::size_t width) {
  for (const std::string& line : lines) {
    CAPTURE(line);
    CHECK(line.size() <= width);
    CHECK(std::ranges::all_of(line, [](char c) { return c >= 0x20 && c < 0x7f; }));
  }
}

Lines whole_page(const control::ReviewInfo& review, std::size_t width) {
  Lines lines = wrapped(fact_lines(review, kNow), width);
  for (std::string& line : guest_lines(review, width)) lines.push_back(std::move(line));
  for (std::string& line : wrapped(granted_lines(review), width)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace

TEST_CASE("facts_come_first_and_the_registrable_domain_first_of_all") {
  control::ReviewInfo review = info_named("7k3m9q2a", {.approvals_needed = 2});
  review.approvals.push_back({.by = {.uid = 1001, .name = "alice"}, .at = kNow, .comment = "as planned"});
  CHECK(joined_lines(fact_lines(review, kNow)) ==
        "  domain       acme.co.uk\n"
        "  to           https://stacks.eu.acme.co.uk\n"
        "  action       \"cloudformation:DeleteStack\"\n"
        "  guest        agent-1 (role=agent)\n"
        "  rule         agent/destroy at agent.yaml:12\n"
        "  it says      Deleting needs a second pair of eyes.\n"
        "  state        pending; 1 client waits; expires in 8m 30s\n"
        "  approvals    1 of 2\n"
        "    by         alice (uid 1001): \"as planned\"\n"
        "  credential   deploy-key is added\n"
        "  body         33 octets, sha256 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
        "  fingerprint  5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\n"
        "  asked        1m 30s ago\n"
        "  review       01hf7yat00000000007k3m9q2a\n");
}

TEST_CASE("what_the_guest_wrote_stands_in_quotes_behind_a_bar") {
  const auto review = info_named("7k3m9q2a", {.path = "/v1/stacks", .query = "name=prod"});
  CHECK(joined_lines(guest_lines(review, 60)) ==
        "What the guest wrote, in quotes. Octets outside printable ASCII are \\xNN:\n"
        "  method:\n"
        "    | \"POST\"\n"
        "  path:\n"
        "    | \"/v1/stacks\"\n"
        "  query:\n"
        "    | \"name=prod\"\n"
        "  header field:\n"
        "    | \"content-type: application/x-www-form-urlencoded\"\n"
        "  body, all 33 octets:\n"
        "    | \"Action=DeleteStack&StackName=prod\"\n");
}

TEST_CASE("a_question_says_exactly_what_is_granted_and_what_is_still_needed") {
  const auto one = info_named("7k3m9q2a");
  CHECK(joined_lines(granted_lines(one)) ==
        "A yes lets guest agent-1 send this one request, once:\n"
        "  domain       acme.co.uk\n"
        "  to           https://stacks.eu.acme.co.uk\n"
        "  action       \"cloudformation:DeleteStack\"\n"
        "  method       \"POST\"\n"
        "  path         \"/\"\n"
        "  body         33 octets, sha256 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
        "  credential   deploy-key is added\n"
        "  fingerprint  5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\n"
        "Nobody else has to agree.\n"
        "A client waits for it now.\n");
  auto two = info_named("7k3m9q2a", {.approvals_needed = 2, .clients = 0});
  two.approvals.push_back({.by = {.uid = 1001, .name = "alice"}, .at = kNow, .comment = ""});
  const Lines lines = granted_lines(two);
  CHECK(lines[lines.size() - 2] == "Yours is approval 2 of the 2 that are needed.");
  CHECK(lines.back() == "No client waits for it now: the next identical request would pass, once.");
}

TEST_CASE("no_guest_text_reaches_the_page_raw_or_looks_like_a_fact") {
  const std::string ansi = "\x1b[2J\x1b[31mred\x1b[0m";
  const std::string link = "\x1b]8;;https://evil.example\x07safe\x1b]8;;\x07";
  const std::string title = "\x1b]0;title\x07\x1b[6n";
  const std::string rtl = "\xe2\x80\xaetxt.exe\xe2\x80\xac";
  const std::string lines = "x\n  approvals    2 of 2\r\n    by         root (uid 0): \"already approved by root\"\n";
  const std::string padded = std::string(4096, ' ') + "  approvals    2 of 2";
  const std::string quoted = "\"  approvals    2 of 2\"\\x22\\";
  const std::string broken = "\xff\xfe\x80\xc3(\x7f";
  for (const std::string& text : {ansi, link, title, rtl, lines, padded, quoted, broken}) {
    for (const std::size_t width : {40U, 80U, 100U, 200U}) {
      CAPTURE(text);
      CAPTURE(width);
      SampleTicket sample{.action = "POST " + text, .path = "/" + text, .query = text, .body = text};
      sample.fields = {{.name = "user-agent", .value = text}};
      const Lines page = whole_page(info_named("7k3m9q2a", sample), width);
      check_plain(page, std::max<std::size_t>(width, 74));  // the one sentence of ours is longer than 40
      CHECK(claims(page, "  approvals    0 of 1"));         // the control: ours is there
      CHECK_FALSE(claims(page, "  approvals    2 of 2"));
      CHECK_FALSE(claims(page, "    by "));
    }
  }
}

TEST_CASE("every_wrapped_piece_of_guest_text_is_behind_its_bar") {
  const Lines lines = quoted_lines(std::string(500, 'a') + "\"" + std::string(500, ' '), 50);
  REQUIRE(lines.size() > 20);
  std::size_t octets = 0;
  for (const std::string& line : lines) {
    CAPTURE(line);
    CHECK(line.size() <= 50);
    CHECK(line.starts_with("    | \""));
    CHECK(line.ends_with('"'));
    CHECK(std::ranges::count(line, '"') == 2);
    octets += line.size() - 8;
  }
  CHECK(octets == 500 + 4 + 500);  // nothing is lost, and the quote became \x22
  CHECK(quoted_lines("", 50) == Lines{"    | \"\""});
}

TEST_CASE("a_long_fact_goes_on_behind_a_mark") {
  const Lines lines = wrapped({std::string(90, 'x')}, 40);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == std::string(40, 'x'));
  CHECK(lines[1] == "             > " + std::string(25, 'x'));
  CHECK(lines[2] == "             > " + std::string(25, 'x'));
  CHECK(wrapped({std::string(40, 'x')}, 40) == Lines{std::string(40, 'x')});
}

TEST_CASE("a_look_alike_name_stays_an_a_label_and_the_host_is_never_cut") {
  const std::string host = "xn--pple-43d.com.accounts.login.verify.evil.example";
  const auto review = info_named("7k3m9q2a", {.host = host});
  const Lines lines = fact_lines(review, kNow);
  CHECK(lines[0] == "  domain       evil.example");
  CHECK(lines[1] == "  to           https://" + host);
  // In a row there is less room: what is left is the end.
  CHECK(short_place(review, 20) == "...rify.evil.example");
}

TEST_CASE("a_body_that_is_no_text_is_shown_as_hex_and_says_what_was_cut") {
  const auto small = info_named("7k3m9q2a", {.body = std::string("\x00\x01\x02\xff\x1b", 5)});
  const Lines lines = guest_lines(small, 80);
  CHECK(lines[lines.size() - 2] == "  body, all 5 octets, which are not text:");
  CHECK(lines.back() == "    | 0000  00 01 02 ff 1b");
  const auto large = info_named("7k3m9q2a", {.body = std::string(10'000, '\xfe')});
  const Lines cut = guest_lines(large, 80);
  CHECK(cut[cut.size() - 33] == "  body, the first 512 of 10000 octets, which are not text:");
  CHECK(cut.back().starts_with("    | 01f0  fe fe"));
  const auto text = info_named("7k3m9q2a", {.body = std::string(5000, 'a')});
  CHECK(claims(guest_lines(text, 80), "  body, the first 4096 of 5000 octets:"));
  CHECK(guest_lines(info_named("7k3m9q2a", {.body = ""}), 80).back() == "  body: none");
}

TEST_CASE("an_approval_says_what_came_of_it") {
  auto after = info_named("7k3m9q2a", {.approvals_needed = 2});
  after.approvals.resize(1);
  CHECK(approval_outcome(after, kNow) == "approved 1 of 2: 1 more must agree");
  after.state = "approved";
  CHECK(approval_outcome(after, kNow) == "released: the client that waits sends it now");
  after.state = "sent";
  after.clients = 0;
  CHECK(approval_outcome(after, kNow) == "released: the client that waits sends it now");
  after.state = "approved";
  after.expires = kNow + std::chrono::minutes(15);
  CHECK(approval_outcome(after, kNow) ==
        "approved, and no client waits: the next identical request within 15m 0s passes once");
}
