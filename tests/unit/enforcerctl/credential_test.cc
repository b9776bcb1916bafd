// The verbs about credentials, with real pipes, files and terminals as their input.
#include <doctest/doctest.h>
#include <pty.h>
#include <termios.h>

#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

namespace {

constexpr std::string_view kCanary = "S3CR3T-CANARY";

/// Another standard input while it lives.
class Input {
 public:
  explicit Input(int fd) : before_(dup(STDIN_FILENO)) { REQUIRE(dup2(fd, STDIN_FILENO) == STDIN_FILENO); }
  ~Input() { dup2(before_.get(), STDIN_FILENO); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

 private:
  Fd before_;
};

/// Runs with a text on standard input.
Ran run_fed(const FakeDaemon& daemon, std::string_view text, std::vector<std::string> arguments) {
  const std::string file = daemon.folder.write("stdin", text);
  const Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const Input input(fd.get());
  return run_with(daemon, std::move(arguments));
}

/// A terminal with somebody at it, who types once the echo is (or is not) as expected.
class Person {
 public:
  enum class When { kEchoIsOff, kNow };
  Person(std::string types, When when) {
    int master = -1;
    int slave = -1;
    REQUIRE(openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
    master_ = Fd(master);
    slave_ = Fd(slave);
    typing_ = std::thread([this, types = std::move(types), when] {
      hidden_ = eventually([&] { return when == When::kNow || !echoes(); });
      (void)!write(master_.get(), types.data(), types.size());
    });
  }
  ~Person() {
    if (typing_.joinable()) typing_.join();
  }
  Person(const Person&) = delete;
  Person& operator=(const Person&) = delete;

  [[nodiscard]] int terminal() const { return slave_.get(); }
  [[nodiscard]] bool echoes() const {
    termios state{};
    return tcgetattr(slave_.get(), &state) == 0 && (state.c_lflag & ECHO) != 0;
  }
  /// What the terminal showed of what was typed.
  std::string shown() {
    typing_.join();
    CHECK(hidden_);
    char buffer[4096];
    const ssize_t size =
        fcntl(master_.get(), F_SETFL, O_NONBLOCK) == 0 ? read(master_.get(), buffer, sizeof buffer) : 0;
    return {buffer, size > 0 ? static_cast<std::size_t>(size) : 0};
  }

 private:
  Fd master_;
  Fd slave_;
  std::thread typing_;
  bool hidden_ = false;
};

}  // namespace

TEST_CASE("one_credential_is_shown_as_the_list_has_it") {
  FakeDaemon daemon;
  daemon.locked()->credentials = {{.name = "bot",
                                   .source = "store",
                                   .hosts = {"api.test"},
                                   .kinds = {"bearer"},
                                   .state = "missing",
                                   .error = "nothing is stored",
                                   .file = "c.yaml",
                                   .line = 3},
                                  {.name = "other", .source = "file", .state = "ok", .file = "c.yaml", .line = 9}};
  const Ran table = run_with(daemon, {"credential", "get", "bot"});
  CHECK(table.status == 0);
  CHECK(table.out.starts_with("NAME"));
  CHECK(table.out.contains("missing: nothing is stored"));
  CHECK_FALSE(table.out.contains("other"));
  CHECK(run_with(daemon, {"credential", "get", "bot", "-o", "name"}).out == "bot\n");
  const Ran json = run_with(daemon, {"credential", "get", "other", "-o", "json"});
  CHECK(json.out.starts_with(R"({"api_version":"v1","credential":{)"));
  CHECK(json.out.contains(R"("name":"other")"));
  CHECK_FALSE(json.out.contains("bot"));
  CHECK(run_with(daemon, {"credential", "get", "bot", "-o", "yaml"}).out.contains("name: bot"));
  const Ran none = run_with(daemon, {"credential", "get", "nobody"});
  CHECK(none.status == 5);
  CHECK(none.err == "enforcerctl: no credential 'nobody' is loaded\n");
  CHECK(run_with(daemon, {"credential", "get"}).status == 2);
  CHECK(daemon.shared.calls_now().empty());  // nothing but the list was asked for
}

TEST_CASE("a_value_comes_from_standard_input_or_a_file_without_its_newline") {
  FakeDaemon daemon;
  const Ran fed = run_fed(daemon, "S3CR3T-CANARY\n", {"credential", "set", "bot", "-"});
  CHECK(fed.status == 0);
  CHECK(fed.out.empty());
  CHECK(fed.err == "the value of credential bot is stored\n");
  CHECK(daemon.locked()->values["bot"] == kCanary);
  CHECK(run_with(daemon, {"credential", "set", "a/b c", "--from-file", daemon.folder.write("v", "x\r\n")}).status == 0);
  CHECK(daemon.locked()->values["a/b c"] == "x");
  const std::string longest(65536, 'x');
  CHECK(run_fed(daemon, longest + "\n", {"credential", "set", "bot", "-"}).status == 0);
  CHECK(daemon.locked()->values["bot"] == longest);
  CHECK(run_fed(daemon, "{\"a\": 1}", {"credential", "set", "bot", "-"}).status == 0);
  CHECK(daemon.locked()->values["bot"] == "{\"a\": 1}");
  // Keys have lines. Whether this credential's value may, the daemon knows.
  CHECK(run_fed(daemon, "one\ntwo\n", {"credential", "set", "bot", "-"}).status == 0);
  CHECK(daemon.locked()->values["bot"] == "one\ntwo");
}

TEST_CASE("what_is_no_value_is_refused_before_the_daemon_is_asked_and_not_repeated") {
  FakeDaemon daemon;
  for (const std::string_view text : {"", "\n", "S3CR3T\x1b", "S3CR3T\x7f"}) {
    CAPTURE(text);
    const Ran ran = run_fed(daemon, text, {"credential", "set", "bot", "-"});
    CHECK(ran.status == 1);
    CHECK(ran.err.starts_with("enforcerctl: standard input: the value "));
    CHECK_FALSE(ran.err.contains("S3CR3T"));
  }
  CHECK(run_fed(daemon, std::string(65537, 'x'), {"credential", "set", "bot", "-"}).err.contains("65536 bytes"));
  CHECK(run_with(daemon, {"credential", "set", "bot", "--from-file", daemon.folder.file("none")}).status == 5);
  CHECK(daemon.shared.calls_now().empty());
}

TEST_CASE("a_value_is_never_taken_from_the_command_line") {
  FakeDaemon daemon;
  const Ran ran = run_with(daemon, {"credential", "set", "bot", "S3CR3T-CANARY"});
  CHECK(ran.status == 2);
  CHECK(ran.err.contains("never given as an argument"));
  CHECK_FALSE(ran.err.contains(kCanary));
  CHECK(run_fed(daemon, "x", {"credential", "set", "bot"}).status == 2);  // no terminal to ask at
  CHECK(run_fed(daemon, "x", {"credential", "set", "bot", "-", "--from-file", "f"}).status == 2);
  CHECK(daemon.shared.calls_now().empty());
}

TEST_CASE("a_person_types_a_value_that_is_not_shown") {
  FakeDaemon daemon;
  Person person("S3CR3T-CANARY\n", Person::When::kEchoIsOff);
  const Input input(person.terminal());
  const Ran ran = run_with(daemon, {"credential", "set", "bot"});
  CHECK(ran.status == 0);
  CHECK(ran.err == "Value of bot (not shown): the value of credential bot is stored\n");
  CHECK(daemon.locked()->values["bot"] == kCanary);
  CHECK(person.shown() == "\r\n");
  CHECK(person.echoes());
}

TEST_CASE("ctrl_c_at_the_prompt_stores_nothing_and_leaves_the_terminal_with_its_echo") {
  FakeDaemon daemon;
  Person person("S3CR3T\x03", Person::When::kEchoIsOff);
  const Input input(person.terminal());
  const Ran ran = run_with(daemon, {"credential", "set", "bot"});
  CHECK(ran.status == 1);
  CHECK(ran.err.contains("nothing was stored"));
  CHECK(person.echoes());
  CHECK(daemon.shared.calls_now().empty());
}

TEST_CASE("what_the_daemon_refuses_has_its_exit_code") {
  FakeDaemon daemon;
  daemon.locked()->error = Error{Errc::kNotFound, "no credential 'bot' is loaded"};
  const Ran unknown = run_fed(daemon, kCanary, {"credential", "set", "bot", "-"});
  CHECK(unknown.status == 5);
  CHECK(unknown.err == "enforcerctl: no credential 'bot' is loaded\n");
  daemon.locked()->error = Error{Errc::kConflict, "its value does not come from the store"};
  CHECK(run_fed(daemon, kCanary, {"credential", "set", "bot", "-"}).status == 7);
  CHECK(run_with(daemon, {"credential", "delete", "bot", "-y"}).status == 7);
}

TEST_CASE("a_stored_value_is_deleted_after_a_yes") {
  FakeDaemon daemon;
  daemon.locked()->values["bot"] = "v";
  CHECK(run_fed(daemon, "y\n", {"credential", "delete", "bot"}).status == 2);  // a script says -y
  {
    Person person("n\n", Person::When::kNow);
    const Input input(person.terminal());
    const Ran ran = run_with(daemon, {"credential", "delete", "bot"});
    CHECK(ran.status == 1);
    CHECK(ran.err.contains("nothing was deleted"));
  }
  CHECK(daemon.shared.calls_now().empty());
  {
    Person person("y\n", Person::When::kNow);
    const Input input(person.terminal());
    CHECK(run_with(daemon, {"credential", "delete", "bot"}).status == 0);
  }
  CHECK(daemon.locked()->values.empty());
  const Ran again = run_with(daemon, {"credential", "delete", "bot", "-y"});
  CHECK(again.status == 5);
  CHECK(again.err == "enforcerctl: nothing is stored for credential bot\n");
}

TEST_CASE("credentials_are_listed_with_where_they_go_and_how_they_are") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"credential", "list"}).err == "no credential is loaded\n");
  daemon.locked()->credentials = {{.name = "bot",
                                   .source = "exec",
                                   .hosts = {"api.github.com", "*.example.org:8443"},
                                   .kinds = {"bearer", "basic"},
                                   .state = "ok",
                                   .expires = WallClock::time_point(std::chrono::seconds(1'700'000'000)),
                                   .file = "/etc/enforcer/credentials/bot.yaml",
                                   .line = 3},
                                  {.name = "key",
                                   .source = "file",
                                   .hosts = {"a.test"},
                                   .kinds = {"query"},
                                   .state = "failing",
                                   .error = "/k: everybody\x1b can read it",
                                   .file = "k.yaml",
                                   .line = 1}};
  const Ran table = run_with(daemon, {"credential", "list", "--no-headers"});
  CHECK(table.status == 0);
  for (const std::string_view cell :
       {"bot   exec ", " api.github.com,*.example.org:8443 ", " bearer,basic ", " 2023-11-14T22:13:20.000Z ",
        " /etc/enforcer/credentials/bot.yaml:3 ", " ok\n"}) {
    CAPTURE(cell);
    CHECK(table.out.contains(cell));
  }
  CHECK(table.out.contains("failing: /k: everybody\\x1b can read it"));
  const Ran json = run_with(daemon, {"credential", "list", "-o", "json"});
  CHECK(json.out.contains(R"("expires":"2023-11-14T22:13:20.000Z")"));
  CHECK(json.out.contains(R"("hosts":["api.github.com","*.example.org:8443"])"));
}

TEST_CASE("a_rotation_says_whether_another_value_came_and_until_when") {
  FakeDaemon daemon;
  const Ran same = run_with(daemon, {"credential", "rotate", "a/b"});
  CHECK(same.status == 0);
  CHECK(same.out.empty());
  CHECK(same.err == "credential a/b has the same value as before\n");
  daemon.locked()->rotation = {.changed = true, .expires = WallClock::time_point(std::chrono::seconds(1'700'000'000))};
  CHECK(run_with(daemon, {"credential", "rotate", "bot"}).err ==
        "credential bot has a new value, until 2023-11-14T22:13:20.000Z\n");
  CHECK(run_with(daemon, {"credential", "rotate", "bot", "-o", "json"}).out ==
        "{\"api_version\":\"v1\",\"changed\":true,\"expires\":\"2023-11-14T22:13:20.000Z\"}\n");
  CHECK(daemon.shared.calls_now() ==
        std::vector<std::string>{"rotate credential a/b", "rotate credential bot", "rotate credential bot"});
  CHECK(run_with(daemon, {"credential", "rotate"}).status == 2);
  daemon.locked()->error = Error{Errc::kConflict, "the value of credential bot is stored"};
  const Ran stored = run_with(daemon, {"credential", "rotate", "bot"});
  CHECK(stored.status == 7);
  CHECK(stored.err == "enforcerctl: the value of credential bot is stored\n");
}

TEST_CASE("a_test_says_what_was_answered_and_fails_from_400_on") {
  FakeDaemon daemon;
  daemon.locked()->test.took = std::chrono::milliseconds(120);
  const Ran good = run_with(daemon, {"credential", "test", "bot"});
  CHECK(good.status == 0);
  CHECK(good.out == "a.test answered 200 to GET / in 0.12 s\n");
  CHECK(good.err.empty());
  for (const auto& [answered, status] : {std::pair{200U, 0}, {399U, 0}, {400U, 1}, {401U, 1}, {599U, 1}}) {
    CAPTURE(answered);
    daemon.locked()->test.status = answered;
    CHECK(run_with(daemon, {"credential", "test", "bot"}).status == status);
    CHECK(run_with(daemon, {"credential", "test", "bot", "-o", "json"}).status == status);
  }
  daemon.locked()->test = {.host = "b.test", .port = Port{8443}, .path = "/\x1b", .status = 204};
  CHECK(run_with(daemon, {"credential", "test", "bot"}).out == "b.test:8443 answered 204 to GET /\\x1b in 0.00 s\n");
  CHECK(run_with(daemon, {"credential", "test", "bot", "-o", "json"}).out.contains(R"("port":8443)"));
  daemon.locked()->error = Error{Errc::kUnavailable, "b.test: connection refused"};
  const Ran failed = run_with(daemon, {"credential", "test", "bot"});
  CHECK(failed.status == 1);
  CHECK(failed.out.empty());
  CHECK(failed.err == "enforcerctl: b.test: connection refused\n");
}

TEST_CASE("a_test_asks_what_it_was_told_to") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"credential", "test", "a/b?c"}).status == 0);
  CHECK(run_with(daemon, {"credential", "test", "bot", "--host", "b.test:8443", "--path", "/x?y=1&host=c.test#d",
                          "--guest", "vm"})
            .status == 0);
  CHECK(daemon.shared.calls_now() ==
        std::vector<std::string>{"test credential a/b?c at  / as nobody",
                                 "test credential bot at b.test:8443 /x?y=1&host=c.test#d as vm"});
  CHECK(run_with(daemon, {"credential", "test", "bot", "--guest", "No Guest"}).status == 1);
  CHECK(daemon.ask("POST", "/v1/credentials/bot/test?hots=b.test").status == 400);
  CHECK(daemon.shared.calls_now().size() == 2);
}
