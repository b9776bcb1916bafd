// The verbs about held requests, with a real terminal where a person decides.
#include <doctest/doctest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <csignal>

#include "review_sample.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

namespace {

std::string ending_of(const review::Ticket& ticket) {
  return std::string(ticket.id.text().substr(18));
}

/// A terminal in place of standard input and output while it lives, and a person at it.
class Desktop {
 public:
  enum class Shows { kNothing, kOutput };
  explicit Desktop(Shows shows = Shows::kNothing)
      : stdin_before_(dup(STDIN_FILENO)), stdout_before_(dup(STDOUT_FILENO)) {
    int master = -1;
    int slave = -1;
    const winsize size{.ws_row = 40, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(openpty(&master, &slave, nullptr, nullptr, &size) == 0);
    master_ = Fd(master);
    slave_ = Fd(slave);
    REQUIRE(fcntl(master, F_SETFL, O_NONBLOCK) == 0);
    REQUIRE(dup2(slave, STDIN_FILENO) == STDIN_FILENO);
    if (shows == Shows::kOutput) {
      std::fflush(stdout);
      REQUIRE(dup2(slave, STDOUT_FILENO) == STDOUT_FILENO);
    }
  }
  ~Desktop() {
    dup2(stdin_before_.get(), STDIN_FILENO);
    dup2(stdout_before_.get(), STDOUT_FILENO);
  }
  Desktop(const Desktop&) = delete;
  Desktop& operator=(const Desktop&) = delete;

  void type(std::string_view octets) { (void)!write(master_.get(), octets.data(), octets.size()); }
  /// Everything that was shown so far.
  std::string shown() {
    char buffer[4096];
    ssize_t size = 0;
    while ((size = read(master_.get(), buffer, sizeof buffer)) > 0) {
      shown_.append(buffer, static_cast<std::size_t>(size));
    }
    return shown_;
  }
  bool shows(std::string_view text) {
    return eventually([&] { return shown().contains(text); });
  }
  [[nodiscard]] bool cooked() const {
    termios state{};
    return tcgetattr(slave_.get(), &state) == 0 && (state.c_lflag & ECHO) != 0 && (state.c_lflag & ICANON) != 0;
  }

 private:
  Fd stdin_before_;
  Fd stdout_before_;
  Fd master_;
  Fd slave_;
  std::string shown_;
};

SampleTicket fresh() {
  return {.asked = WallClock::now()};
}

}  // namespace

TEST_CASE("reviews_are_listed_without_those_that_have_ended") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"review", "list"}).err == "nothing waits for a decision\n");
  SampleTicket ended = fresh();
  ended.state = review::State::kExpired;
  const review::Ticket open = fresh().make();
  const review::Ticket over = ended.make();
  daemon.locked()->tickets = {open, over};
  const Ran table = run_with(daemon, {"review", "list"});
  CHECK(table.status == 0);
  CHECK(table.out.starts_with("ID         AGE   GUEST     ACTION "));
  for (const std::string& cell : {ending_of(open), std::string("agent-1"), std::string("cloudformation:DeleteStack"),
                                  std::string("stacks.eu.acme.co.uk"), std::string("agent/destroy"), std::string("0/1"),
                                  std::string("pending")}) {
    CAPTURE(cell);
    CHECK(table.out.contains(cell));
  }
  CHECK_FALSE(table.out.contains(ending_of(over)));
  CHECK(run_with(daemon, {"review", "list", "-a"}).out.contains(ending_of(over)));
  CHECK(run_with(daemon, {"review", "list", "-o", "name"}).out == std::string(open.id.text()) + "\n");
  const Ran lines = run_with(daemon, {"review", "list", "-o", "jsonl"});
  CHECK(std::ranges::count(lines.out, '\n') == 1);
  CHECK(lines.out.contains("\"review_id\":\"" + std::string(open.id.text()) + "\""));
  const Ran all = run_with(daemon, {"review", "list", "-o", "jsonl", "--all"});
  CHECK(std::ranges::count(all.out, '\n') == 2);
  CHECK(run_with(daemon, {"review", "list", "-o", "json"}).out.starts_with("{\"api_version\":\"v1\",\"reviews\":[{"));
}

TEST_CASE("a_review_is_named_by_its_id_or_an_ending_that_only_it_has") {
  FakeDaemon daemon;
  const review::Ticket ticket = fresh().make();
  const review::Ticket other = fresh().make();
  daemon.locked()->tickets = {ticket, other};
  const std::string id(ticket.id.text());
  std::string upper = id;
  std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  for (const std::string& name : {id, upper, id.substr(20), id.substr(10), upper.substr(18)}) {
    CAPTURE(name);
    const Ran ran = run_with(daemon, {"review", "show", name});
    CHECK(ran.status == 0);
    CHECK(ran.out.contains("  review       " + id + "\n"));
  }
  const Ran brief = run_with(daemon, {"review", "show", id.substr(21)});
  CHECK(brief.status == 2);
  CHECK(brief.err.contains("at least the last 6 characters"));
  CHECK(run_with(daemon, {"review", "show", "!!!!!!"}).status == 5);
  CHECK(run_with(daemon, {"review", "show", std::string(26, 'z')}).status == 5);
  auto twin = ticket;
  daemon.locked()->tickets = {ticket, twin};
  const Ran both = run_with(daemon, {"review", "approve", "-y", id.substr(18)});
  CHECK(both.status == 7);
  CHECK(both.err.contains("more than one review ends with"));
  CHECK(daemon.shared.calls_now().empty());
}

TEST_CASE("show_has_facts_then_guest_text_and_nothing_raw") {
  FakeDaemon daemon;
  SampleTicket sample = fresh();
  sample.path = "/a\x1b]8;;https://evil\x07\n  approvals    9 of 9";
  const review::Ticket ticket = sample.make();
  daemon.locked()->tickets = {ticket};
  const Ran ran = run_with(daemon, {"review", "show", ending_of(ticket)});
  CHECK(ran.status == 0);
  CHECK(ran.out.starts_with("  domain       acme.co.uk\n"));
  CHECK(ran.out.contains("    | \"/a\\x1b]8;;https://evil\\x07\\x0a  approvals    9 of 9\"\n"));
  CHECK_FALSE(ran.out.contains('\x1b'));
  CHECK_FALSE(ran.out.contains("\n  approvals    9"));
  CHECK(run_with(daemon, {"review", "show", ending_of(ticket), "-o", "json"})
            .out.contains("\"fingerprint\":\"" + sample_fingerprint() + "\""));
}

TEST_CASE("approve_sends_the_fingerprint_that_it_showed_after_a_yes") {
  FakeDaemon daemon;
  const review::Ticket ticket = fresh().make();
  daemon.locked()->tickets = {ticket};
  {
    Desktop desk;
    desk.type("n\n");
    const Ran ran = run_with(daemon, {"review", "approve", ending_of(ticket)});
    CHECK(ran.status == 1);
    CHECK(ran.err.contains("A yes lets guest agent-1 send this one request, once:"));
    CHECK(ran.err.ends_with("Approve? [y/N] nothing was decided\n"));
  }
  CHECK(daemon.shared.calls_now().empty());
  Desktop desk;
  desk.type("y\n");
  const Ran ran = run_with(daemon, {"review", "approve", ending_of(ticket), "--comment", "as planned"});
  CHECK(ran.status == 0);
  CHECK(ran.err.ends_with("Approve? [y/N] released: the client that waits sends it now\n"));
  CHECK(daemon.shared.calls_now() ==
        std::vector<std::string>{"approve " + std::string(ticket.id.text()) + " " + sample_fingerprint() + " by " +
                                 std::to_string(geteuid()) + ": as planned"});
}

TEST_CASE("a_script_says_yes_itself_and_is_never_asked") {
  FakeDaemon daemon;
  SampleTicket sample = fresh();
  sample.approvals_needed = 2;
  const review::Ticket ticket = sample.make();
  daemon.locked()->tickets = {ticket};
  Desktop desk;
  CHECK(run_with(daemon, {"review", "approve", ending_of(ticket), "--no-input"}).status == 2);
  CHECK(daemon.shared.calls_now().empty());
  const Ran ran = run_with(daemon, {"review", "approve", ending_of(ticket), "-y"});
  CHECK(ran.status == 0);
  CHECK(ran.err.contains("Yours is approval 1 of the 2 that are needed.\n"));
  CHECK(ran.err.ends_with("approved 1 of 2: 1 more must agree\n"));
  const Ran json = run_with(daemon, {"review", "approve", ending_of(ticket), "-y", "-o", "json"});
  CHECK(json.out.contains("\"state\":\"approved\""));
}

TEST_CASE("what_the_desk_refuses_has_its_exit_code_and_a_late_verdict_reaches_it") {
  FakeDaemon daemon;
  SampleTicket sample = fresh();
  sample.state = review::State::kExpired;
  const review::Ticket late = sample.make();
  daemon.locked()->tickets = {late};
  daemon.locked()->error = Error{Errc::kConflict, "it has expired"};
  const Ran ran = run_with(daemon, {"review", "approve", ending_of(late), "-y"});
  CHECK(ran.status == 7);
  CHECK(ran.err == "enforcerctl: it has expired\n");  // nothing is granted, so nothing is repeated
  CHECK(daemon.shared.calls_now().size() == 1);
  daemon.locked()->error = Error{Errc::kDenied, "two people have to agree"};
  CHECK(run_with(daemon, {"review", "approve", ending_of(late), "-y"}).status == 4);
  CHECK(run_with(daemon, {"review", "reject", ending_of(late)}).status == 4);
}

TEST_CASE("a_rejection_is_not_asked_about") {
  FakeDaemon daemon;
  const review::Ticket ticket = fresh().make();
  daemon.locked()->tickets = {ticket};
  const Ran ran = run_with(daemon, {"review", "reject", ending_of(ticket), "--comment", "no"});
  CHECK(ran.status == 0);
  CHECK(ran.err == "review " + ending_of(ticket) + " is rejected: the request of guest agent-1 is not sent\n");
  CHECK(daemon.shared.calls_now().front().starts_with("reject "));
  CHECK(daemon.shared.calls_now().front().ends_with(": no"));
}

TEST_CASE("watch_prints_a_line_for_each_change_and_fails_when_the_stream_breaks_off") {
  FakeDaemon daemon;
  daemon.locked()->news = {{.change = "standing", .by = {}, .ticket = fresh().make()},
                           {.change = "asked", .by = {}, .ticket = fresh().make()}};
  daemon.locked()->watchers_fall_behind = true;
  const Ran ran = run_with(daemon, {"review", "watch", "-o", "jsonl"});
  CHECK(ran.status == 1);
  CHECK(std::ranges::count(ran.out, '\n') == 2);
  CHECK(ran.out.contains("\"change\":\"standing\""));
  CHECK(ran.out.contains("\"change\":\"asked\""));
  CHECK(run_with(daemon, {"review", "watch"}).status == 2);  // no terminal
}

TEST_CASE("a_person_approves_in_the_live_view_which_gives_the_terminal_back") {
  FakeDaemon daemon;
  const review::Ticket ticket = fresh().make();
  daemon.locked()->tickets = {ticket};
  daemon.locked()->news = {{.change = "standing", .by = {}, .ticket = ticket}};
  Ran ran;
  Desktop desk(Desktop::Shows::kOutput);
  std::thread tool([&] { ran = run_with(daemon, {"review", "watch"}); });
  const bool listed = desk.shows("> " + ending_of(ticket));
  desk.type("a");
  const bool asked = desk.shows("Approve? y and Enter");
  desk.type("y\r");
  const bool told = desk.shows("released: the client that waits sends it now");
  const bool raw = !desk.cooked();
  desk.type("q");
  tool.join();
  CHECK(listed);
  CHECK(asked);
  CHECK(told);
  CHECK(raw);
  CHECK(ran.status == 0);
  CHECK(desk.cooked());
  CHECK(desk.shows("\x1b[?1049l"));
  CHECK(daemon.shared.calls_now().size() == 1);
  CHECK(eventually([&] { return daemon.locked()->watchers == 0; }));
}

TEST_CASE("the_live_view_comes_back_after_the_stream_was_lost_and_ends_by_a_signal") {
  FakeDaemon daemon;
  const review::Ticket ticket = fresh().make();
  daemon.locked()->news = {{.change = "standing", .by = {}, .ticket = ticket}};
  daemon.locked()->watchers_fall_behind = true;
  Ran ran;
  Desktop desk(Desktop::Shows::kOutput);
  std::thread tool([&] { ran = run_with(daemon, {"review", "watch"}); });
  const bool lost = desk.shows("trying again");
  daemon.locked()->news = {{.change = "standing", .by = {}, .ticket = ticket}};
  daemon.locked()->watchers_fall_behind = false;
  const bool back = desk.shows("> " + ending_of(ticket));
  pthread_kill(tool.native_handle(), SIGTERM);
  tool.join();
  CHECK(lost);
  CHECK(back);
  CHECK(ran.status == 0);
  CHECK(desk.cooked());
}
