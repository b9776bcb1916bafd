// The helper as a real process with real commands: what it runs, what it refuses, and that nothing outlives it.
#include "credentials/helper.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../temporary_folder.h"
#include "credentials/helper_packet.h"
#include "scratch.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

using Outcome = HelperReply::Outcome;

bool is_alive(pid_t pid) {
  return kill(pid, 0) == 0;
}

/// The helper with this test in enforcerd's place: packets out, packets in.
class Driven {
 public:
  explicit Driven(std::vector<ExecSource> sources, ExecLimits limits = {}, const std::vector<ExecSource>& always = {}) {
    auto started = Helper::start([sources = std::move(sources)] { return Result<std::vector<ExecSource>>(sources); },
                                 limits, always);
    REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().message));
    helper_.emplace(*std::move(started));
  }
  explicit Driven(const ExecLoader& loader, const std::vector<ExecSource>& always = {})
      : helper_(*Helper::start(loader, {}, always)) {}
  /// The helper ends when its socket closes, and it is our child.
  ~Driven() {
    const pid_t pid = helper_->pid();
    helper_.reset();
    CHECK(eventually([&] { return waitpid(pid, nullptr, WNOHANG) != 0; }));
  }
  Driven(const Driven&) = delete;
  Driven& operator=(const Driven&) = delete;

  struct Reply {
    std::uint64_t number = 0;
    Outcome outcome = Outcome::kFailed;
    WallClock::time_point expires;
    std::string text;
  };

  void say(std::string_view packet) { send(helper_->socket(), packet.data(), packet.size(), MSG_NOSIGNAL); }
  std::uint64_t request(const std::string& name, const std::string& input = "") {
    say(encode_request({++number_, name, input}));
    return number_;
  }
  /// The next reply; nothing when the helper has closed the socket.
  std::optional<Reply> reply() {
    pollfd entry{.fd = helper_->socket(), .events = POLLIN, .revents = 0};
    REQUIRE(poll(&entry, 1, 20'000) == 1);
    const auto room = helper_->room();
    const ssize_t size = recv(helper_->socket(), room.data(), room.size(), 0);
    if (size <= 0) return std::nullopt;
    const auto said = decode_reply({room.data(), static_cast<std::size_t>(size)});
    REQUIRE(said.has_value());
    return Reply{said->number, said->outcome, said->expires, std::string(said->text)};
  }
  Reply ask(const std::string& name, const std::string& input = "") {
    const auto number = request(name, input);
    auto said = reply();
    REQUIRE(said.has_value());
    CHECK(said->number == number);
    return *std::move(said);
  }
  [[nodiscard]] pid_t pid() const { return helper_->pid(); }

 private:
  std::optional<Helper> helper_;
  std::uint64_t number_ = 0;
};

pid_t written_pid(const TemporaryFolder& scratch, std::string_view name) {
  REQUIRE(eventually([&] { return scratch.read(name).ends_with('\n'); }));
  return static_cast<pid_t>(std::stol(scratch.read(name)));
}

}  // namespace

TEST_CASE("a_command_gives_a_value_and_an_expiry_when_it_says_one") {
  const TemporaryFolder scratch;
  Driven helper(
      {{"plain", {"/bin/echo", "tok en"}},
       {"json", {write_script(scratch, "j", R"(echo '{"value": "t", "expires": "2100-01-01T00:00:00Z"}')")}}});
  auto said = helper.ask("plain");
  CHECK(said.outcome == Outcome::kValue);
  CHECK(said.text == "tok en");
  said = helper.ask("json");
  CHECK(said.outcome == Outcome::kExpiringValue);
  CHECK(said.text == "t");
  CHECK(said.expires == WallClock::time_point(std::chrono::sys_days(std::chrono::year(2100) / 1 / 1)));
}

TEST_CASE("a_command_runs_without_shell_environment_input_or_descriptors") {
  setenv("ENFORCER_TEST_TOKEN", "S3CR3T-CANARY", 1);
  const TemporaryFolder scratch;
  const std::string program =
      write_script(scratch, "p",
                   "exec 2>&1; env > " + scratch.file("env") + "; ls -l /proc/self/fd > " + scratch.file("fds") +
                       "; cat > " + scratch.file("stdin") +
                       "; grep -E '^(NoNewPrivs|SigBlk|SigIgn)' /proc/self/status > " + scratch.file("status") +
                       "; ulimit -c > " + scratch.file("core") + "; pwd > " + scratch.file("pwd") + "; echo \"$1\"");
  Driven helper({{"a", {program, "$(id); `id`; *"}}});
  CHECK(helper.ask("a").text == "$(id); `id`; *");
  const std::string environment = scratch.read("env");
  CHECK(environment.contains("PATH=/usr/local/sbin:"));
  CHECK_FALSE(environment.contains("CANARY"));
  CHECK_FALSE(environment.contains("HOME="));
  CHECK(scratch.read("stdin").empty());
  CHECK(scratch.read("fds").contains("0 -> /dev/null"));
  CHECK_FALSE(scratch.read("fds").contains("socket:"));
  CHECK(scratch.read("status").contains("NoNewPrivs:\t1"));
  CHECK(scratch.read("status").contains("SigBlk:\t0000000000000000"));
  CHECK(scratch.read("core") == "0\n");
  CHECK(scratch.read("pwd") == "/\n");
  unsetenv("ENFORCER_TEST_TOKEN");
}

TEST_CASE("a_name_that_no_credential_file_has_runs_nothing") {
  const TemporaryFolder scratch;
  Driven helper({{"known", {write_script(scratch, "p", "touch " + scratch.file("ran") + "; echo v")}}});
  CHECK(helper.ask("unknown").outcome == Outcome::kNoSuchCredential);
  CHECK(helper.ask("KNOWN").outcome == Outcome::kNoSuchCredential);
  CHECK_FALSE(std::filesystem::exists(scratch.file("ran")));
  CHECK(helper.ask("known").text == "v");
  CHECK(std::filesystem::exists(scratch.file("ran")));
}

TEST_CASE("what_is_no_request_ends_the_helper") {
  for (const std::string_view packet :
       {std::string_view("x"), std::string_view("12345678"), std::string_view("12345678/bin/sh"),
        std::string_view("12345678a b"), std::string_view("12345678a\0b", 11), std::string_view("12345678a\0", 10),
        std::string_view("12345678\0b\n", 11), std::string_view("12345678a\0b\nc\n", 14),
        std::string_view("12345678a\0\x1b\n", 12)}) {
    CAPTURE(packet);
    Driven helper({{"a", {"/bin/echo", "v"}}});
    CHECK(helper.ask("a").text == "v");
    helper.say(packet);
    CHECK_FALSE(helper.reply().has_value());
  }
}

TEST_CASE("a_command_that_is_told_something_reads_one_line_and_what_it_prints_is_nobodys_business") {
  const TemporaryFolder scratch;
  const auto notice = [&](std::string name, const std::string& body) {
    return ExecSource{
        .name = name, .argv = {write_script(scratch, name, body)}, .purpose = ExecSource::Purpose::kNotice};
  };
  Driven helper({{"value", {"/bin/echo", "v"}}}, {.deadline = std::chrono::milliseconds(2000)},
                {notice("told", "cat > " + scratch.file("line") + "; printf 'two\nlines\n'"), notice("deaf", "exit 0"),
                 notice("failing", "exit 3"), notice("slow", "sleep 60")});
  // The longest there is: the command need not read it, and nobody stands by while it does.
  const std::string longest = std::string(kMaxInput - 1, 'x') + "\n";
  auto said = helper.ask("told", longest);
  CHECK(said.outcome == Outcome::kValue);
  CHECK(said.text.empty());
  CHECK(scratch.read("line") == longest);
  CHECK(helper.ask("deaf", longest).outcome == Outcome::kValue);
  said = helper.ask("failing", "{}\n");
  CHECK(said.outcome == Outcome::kFailed);
  CHECK(said.text.contains("exit code 3"));
  said = helper.ask("slow", "{}\n");
  CHECK(said.outcome == Outcome::kFailed);
  CHECK(said.text.contains("2000 ms"));
  // A credential's command is told nothing, and one that is to be told is not run without.
  CHECK(helper.ask("value", "{}\n").outcome == Outcome::kFailed);
  CHECK(helper.ask("told").outcome == Outcome::kFailed);
  CHECK(helper.ask("value").text == "v");
}

TEST_CASE("a_command_of_the_configuration_runs_whatever_the_credential_files_say") {
  const TemporaryFolder scratch;
  const std::vector<ExecSource> always = {
      {.name = "told", .argv = {"/bin/true"}, .purpose = ExecSource::Purpose::kNotice}};
  const ExecLoader broken = []() -> Result<std::vector<ExecSource>> { return fail(Errc::kInvalid, "broken"); };
  Driven helper(broken, always);
  CHECK(helper.ask("told", "{}\n").outcome == Outcome::kValue);
  CHECK(helper.ask("other").outcome == Outcome::kNoSuchCredential);
}

TEST_CASE("the_table_is_loaded_for_each_request_and_the_last_good_one_stays") {
  const TemporaryFolder scratch;
  scratch.write("table", "/bin/echo one");
  Driven helper([path = scratch.file("table")]() -> Result<std::vector<ExecSource>> {
    std::ifstream file(path);
    std::string program;
    std::string argument;
    if (!(file >> program >> argument)) return fail(Errc::kInvalid, "table: broken");
    return std::vector<ExecSource>{{"a", {program, argument}}};
  });
  CHECK(helper.ask("a").text == "one");
  scratch.write("table", "/bin/echo two");
  CHECK(helper.ask("a").text == "two");
  scratch.write("table", "");
  CHECK(helper.ask("a").text == "two");
}

TEST_CASE("commands_that_fail_are_told_by_how_they_failed_and_never_by_what_they_printed") {
  const TemporaryFolder scratch;
  Driven helper({{"exit", {write_script(scratch, "exit", "echo S3CR3T-CANARY; echo why >&2; exit 3")}},
                 {"signal", {write_script(scratch, "signal", "echo S3CR3T-CANARY; kill -SEGV $$")}},
                 {"garbage", {write_script(scratch, "garbage", "echo '{\"value\": S3CR3T-CANARY'")}},
                 {"empty", {"/bin/true"}},
                 {"lines", {write_script(scratch, "lines", "echo S3CR3T-CANARY; echo S3CR3T-CANARY")}},
                 {"big", {write_script(scratch, "big", "head -c 70000 /dev/zero | tr '\\0' x")}},
                 {"endless", {"/usr/bin/yes"}},
                 {"absent", {scratch.file("absent")}},
                 {"relative", {"echo", "v"}},
                 {"none", {}},
                 {"text", {scratch.write("text", "echo v", 0700)}},
                 {"fits", {write_script(scratch, "fits", "head -c 65536 /dev/zero | tr '\\0' x; echo")}}});
  const auto failed = [&](const std::string& name) {
    const auto said = helper.ask(name);
    CHECK(said.outcome == Outcome::kFailed);
    CHECK_FALSE(said.text.contains("CANARY"));
    return said.text;
  };
  CHECK(failed("exit") == "its command ended with exit code 3");
  CHECK(failed("signal") == "its command was killed by signal 11");
  CHECK(failed("garbage") == "its command: the output begins with '{' and is not valid JSON");
  CHECK(failed("empty") == "its command: the value is empty");
  CHECK(failed("lines") == "its command: the value has a line break inside");
  CHECK(failed("big") == "its command printed more than 65536 bytes");
  CHECK(failed("endless") == "its command printed more than 65536 bytes");
  CHECK(failed("absent") == scratch.file("absent") + " cannot be run: No such file or directory");
  CHECK(failed("relative") == "its command does not begin with an absolute path");
  CHECK(failed("none") == "its command does not begin with an absolute path");
  CHECK(failed("text") == scratch.file("text") + " cannot be run: Exec format error");  // no shell tries its luck
  CHECK(helper.ask("fits").text == std::string(65536, 'x'));
}

TEST_CASE("a_command_that_sleeps_is_killed_at_the_deadline_with_its_children") {
  const TemporaryFolder scratch;
  Driven helper({{"slow",
                  {write_script(scratch, "slow",
                                "sleep 600 & echo $! > " + scratch.file("child") + "; echo $$ > " +
                                    scratch.file("self") + "; trap '' TERM; wait; sleep 600")}},
                 {"quick", {"/bin/echo", "v"}}},
                {.deadline = std::chrono::milliseconds(1500)});
  const auto slow = helper.request("slow");
  const pid_t child = written_pid(scratch, "child");
  const pid_t self = written_pid(scratch, "self");
  CHECK(is_alive(child));
  CHECK(helper.ask("quick").text == "v");  // nobody waits behind it
  const auto said = helper.reply();
  REQUIRE(said.has_value());
  CHECK(said->number == slow);
  CHECK(said->text == "its command took longer than 1500 ms and was killed");
  CHECK(eventually([&] { return !is_alive(self) && !is_alive(child); }));
}

TEST_CASE("a_grandchild_that_keeps_the_pipe_open_is_not_waited_for_and_killed") {
  const TemporaryFolder scratch;
  Driven helper({{"a", {write_script(scratch, "p", "sleep 600 & echo $! > " + scratch.file("child") + "; echo v")}}});
  const auto began = Monotonic::now();
  CHECK(helper.ask("a").text == "v");
  CHECK(Monotonic::now() - began < std::chrono::seconds(8));
  CHECK(eventually([&] { return !is_alive(written_pid(scratch, "child")); }));
}

TEST_CASE("only_so_many_commands_run_or_wait_at_once") {
  const TemporaryFolder scratch;
  // Each one waits until the test lets it go on, and says that it runs.
  const std::string gate = "touch $1; while [ ! -e " + scratch.file("open") + " ]; do sleep 0.02; done; echo v";
  const std::string program = write_script(scratch, "p", gate);
  std::vector<ExecSource> sources;
  for (const std::string name : {"a", "b", "c", "d"}) sources.push_back({name, {program, scratch.file("ran-" + name)}});
  Driven helper(sources, {.at_once = 2, .waiting = 1});
  for (const std::string name : {"a", "b", "c", "d"}) helper.request(name);
  CHECK(helper.reply()->text == "too many commands are waiting");
  CHECK(eventually([&] { return std::filesystem::exists(scratch.file("ran-b")); }));
  CHECK_FALSE(std::filesystem::exists(scratch.file("ran-c")));
  scratch.write("open", "");
  for (int i = 0; i < 3; ++i) CHECK(helper.reply()->text == "v");
  CHECK(std::filesystem::exists(scratch.file("ran-c")));
  CHECK_FALSE(std::filesystem::exists(scratch.file("ran-d")));
}

TEST_CASE("the_helper_cannot_be_read_by_its_own_user_and_leaves_no_core") {
  Driven helper({{"a", {"/bin/echo", "v"}}});
  CHECK(helper.ask("a").text == "v");
  const std::string folder = "/proc/" + std::to_string(helper.pid());
  std::ifstream limits(folder + "/limits");
  const std::string text((std::istreambuf_iterator<char>(limits)), {});
  CHECK(text.contains("Max core file size        0                    0"));
  std::ifstream status(folder + "/status");
  const std::string said((std::istreambuf_iterator<char>(status)), {});
  CHECK(said.contains("Name:\tenforcerd-exec"));
  CHECK(said.contains("NoNewPrivs:\t1"));
}

TEST_CASE("enforcerds_death_ends_the_helper_and_what_it_runs") {
  const TemporaryFolder scratch;
  // In the place of enforcerd: a process that starts a helper, lets it run a command, and is killed without warning.
  const std::string program = write_script(scratch, "p", "echo $$ > " + scratch.file("command") + "; exec sleep 600");
  const pid_t enforcerd = fork();
  if (enforcerd == 0) {
    auto helper =
        Helper::start([&] { return Result<std::vector<ExecSource>>(std::vector<ExecSource>{{"a", {program}}}); });
    if (!helper) _exit(1);
    std::ofstream(scratch.file("helper")) << helper->pid() << "\n";
    const std::string packet = encode_request({1, "a"});
    send(helper->socket(), packet.data(), packet.size(), 0);
    while (true) pause();
  }
  const pid_t helper = written_pid(scratch, "helper");
  const pid_t command = written_pid(scratch, "command");
  CHECK(is_alive(helper));
  CHECK(is_alive(command));
  kill(enforcerd, SIGKILL);
  waitpid(enforcerd, nullptr, 0);
  // Orphans: they are somebody else's to wait for, so a zombie counts as gone.
  const auto gone = [](pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(status)), {});
    return text.empty() || text.contains(") Z ");
  };
  CHECK(eventually([&] { return gone(helper) && gone(command); }));
}
