// Commands in a guest: with a terminal, as an account, and several at a time.
#include "booted_guest.h"

namespace enforcer::host {
namespace {

using hostproto::FrameType;
using hostproto::WindowSize;

/// A command with a terminal of 50 x 132, whose script knows when it may begin.
std::string on_terminal(const std::string& script) {
  return R"({"argv":["sh","-c",")" + script + R"("],"tty":{"rows":50,"columns":132}})";
}

/// What the command says until `ending` has come.
std::string hear_until(ExecClient& exec, std::string_view ending) {
  std::string heard;
  while (!heard.ends_with(ending)) {
    const auto frame = exec.receive();
    if (frame.type == FrameType{} || frame.type == FrameType::kResult) return heard + "[over: " + frame.payload + "]";
    heard += frame.payload;
  }
  return heard;
}

/// Further channels of the guest, each greeted.
std::vector<ExecClient> more_channels(Guest& g) {
  std::vector<ExecClient> channels;
  for (std::size_t channel = 1; channel < hostproto::kExecChannels; ++channel) {
    channels.emplace_back(*g.vm->connect_exec(channel));
    REQUIRE(channels.back().hello(kNonce, std::chrono::seconds(10)));
  }
  return channels;
}

TEST_CASE("terminal_has_the_size_it_was_given_and_is_the_controlling_one") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, on_terminal("stty size; test -t 0 && test -t 2 && echo yes >/dev/tty; echo err >&2"));
  const auto outcome = g->exec->finish();
  CHECK(outcome.out == "50 132\r\nyes\r\nerr\r\n");
  CHECK(outcome.err.empty());
  CHECK(outcome.result == R"({"exit":0})");
  CHECK(g->exec->run("test -t 0 || echo none").out == "none\n");  // the control: without being asked there is none
}

TEST_CASE("terminal_that_is_resized_tells_its_command") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec,
                on_terminal("trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.1; done"));
  CHECK(hear_until(*g->exec, "ready\r\n") == "ready\r\n");
  g->exec->send_raw(hostproto::encode_window({.rows = 20, .columns = 70}));
  const auto outcome = g->exec->finish();
  CHECK(outcome.out == "20 70\r\n");
  CHECK(outcome.result == R"({"exit":4})");
}

TEST_CASE("key_that_interrupts_goes_to_the_foreground_and_not_to_the_shell") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"({"argv":["sh","-i"],"env":{"PS1":""},"tty":{"rows":24,"columns":80}})");
  g->exec->send(FrameType::kStdin, "stty -echo; sh -c 'echo sle\"\"eping; exec sleep 1000'\n");
  CHECK(hear_until(*g->exec, "sleeping\r\n").ends_with("sleeping\r\n"));
  g->exec->send(FrameType::kStdin, "\x03");
  g->exec->send(FrameType::kStdin, "echo he''re; exit 6\n");
  const auto outcome = g->exec->finish();
  CHECK(outcome.out.ends_with("here\r\n"));
  CHECK(outcome.result == R"({"exit":6})");
  CHECK(g->exec->run("pidof sleep || echo none").out == "none\n");
}

TEST_CASE("signal_of_the_host_goes_to_the_foreground_of_a_terminal") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"({"argv":["sh","-i"],"env":{"PS1":""},"tty":{"rows":24,"columns":80}})");
  g->exec->send(FrameType::kStdin, "stty -echo; sh -c 'echo sle\"\"eping; exec sleep 1000'; echo status $?; exit 5\n");
  CHECK(hear_until(*g->exec, "sleeping\r\n").ends_with("sleeping\r\n"));
  g->exec->send(FrameType::kSignal, "\x0f");
  const auto outcome = g->exec->finish();
  CHECK(outcome.out.find("status 143") != std::string::npos);
  CHECK(outcome.result == R"({"exit":5})");
}

TEST_CASE("end_of_the_input_is_what_a_key_would_say_to_a_terminal") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, on_terminal("stty -echo; echo ready; cat; echo end"));
  CHECK(hear_until(*g->exec, "ready\r\n") == "ready\r\n");
  g->exec->send(FrameType::kStdin, "half a line");
  g->exec->send(FrameType::kStdin, "");
  const auto outcome = g->exec->finish();
  CHECK(outcome.out == "half a lineend\r\n");
  CHECK(outcome.result == R"({"exit":0})");
}

TEST_CASE("terminal_hangs_up_when_its_conversation_ends") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec,
                on_terminal("trap 'echo hup >/tmp/hung-up; exit' HUP; echo ready; while :; do sleep 0.1; done"));
  CHECK(hear_until(*g->exec, "ready\r\n") == "ready\r\n");
  REQUIRE(g->exec->hello(kNonce, std::chrono::seconds(10)));
  CHECK(g->exec->run("for i in $(seq 50); do test -e /tmp/hung-up && break; sleep 0.1; done; cat /tmp/hung-up").out ==
        "hup\n");
}

TEST_CASE("large_output_of_a_terminal_arrives_whole") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(60));
  g->exec->send(FrameType::kExec, on_terminal("stty -opost; head -c 1000000 /dev/zero | tr '\\\\0' x"));
  const auto outcome = g->exec->finish();
  CHECK(outcome.out.size() == 1000000);
  CHECK(outcome.result == R"({"exit":0})");
}

TEST_CASE("command_runs_as_the_account_that_was_named") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  const std::string say = R"("argv":["sh","-c","id -u; id -g; echo $USER $LOGNAME $HOME $SHELL $PWD; id -G"])";
  g->exec->send(FrameType::kExec, "{" + say + R"(,"user":"nobody"})");
  CHECK(g->exec->finish().out == "65534\n65534\nnobody nobody / /bin/false /\n65534\n");
  g->exec->send(FrameType::kExec, "{" + say + "}");  // the control: in this image there is no other than root
  CHECK(g->exec->finish().out == "0\n0\nroot root /root /bin/sh /\n0\n");
  g->exec->send(FrameType::kExec, R"({"argv":["true"],"user":"nosuchaccount"})");
  CHECK(g->exec->finish().result.find("nosuchaccount") != std::string::npos);
  CHECK(g->exec->run("mkdir -m 700 /tmp/closed").result == R"({"exit":0})");
  g->exec->send(FrameType::kExec, R"({"argv":["ls"],"user":"nobody","cwd":"/tmp/closed"})");
  CHECK(g->exec->finish().result == R"({"error":"/tmp/closed: Permission denied","status":126})");
}

TEST_CASE("terminal_belongs_to_the_account_of_its_command") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"x({"argv":["sh","-c","stat -c %u $(tty); echo opened >$(tty)"],)x"
                                  R"x("user":"nobody","tty":{"rows":1,"columns":2}})x");
  CHECK(g->exec->finish().out == "65534\r\nopened\r\n");
}

TEST_CASE("what_is_wrong_in_a_request_is_named") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  const std::pair<const char*, const char*> wrong[] = {
      {R"("tty":{})", "exec: rows of tty is no number of characters"},
      {R"("tty":{"rows":24,"columns":65536})", "exec: columns of tty is no number of characters"},
      {R"("tty":[24,80])", "exec: tty is no object"},
      {R"("user":7)", "exec: user is no text"},
      {R"("cwd":"")", "exec: cwd is no text"},
      {R"("env":{"A=B":"x"})", "exec: env holds something that is no text"},
  };
  for (const auto& [field, message] : wrong) {
    g->exec->send(FrameType::kExec, fmt::format(R"({{"argv":["true"],{}}})", field));
    CHECK(g->exec->finish().result == fmt::format(R"({{"error":"{}"}})", message));
  }
  g->exec->send(FrameType::kExec, R"({"argv":["true"],"tty":{"rows":65535,"columns":0},"user":"root","cwd":"/"})");
  CHECK(g->exec->finish().result == R"({"exit":0})");
}

TEST_CASE("commands_on_different_channels_run_at_the_same_time_and_end_apart") {
  Guest* g = guest();
  if (!g) return;
  auto others = more_channels(*g);
  for (std::size_t i = 0; i < others.size(); ++i) {
    others[i].allow(std::chrono::seconds(30));
    others[i].send(FrameType::kExec,
                   fmt::format(R"({{"argv":["sh","-c","echo up; read x; echo $x; exit {}"]}})", i + 1));
    CHECK(others[i].receive().payload == "up\n");
  }
  CHECK(g->exec->run("echo between").out == "between\n");
  REQUIRE(g->exec->hello(kNonce, std::chrono::seconds(10)));  // ends what runs on its own channel, and nothing else
  for (std::size_t i = others.size(); i-- > 0;) {
    others[i].send(FrameType::kStdin, fmt::format("input {}\n", i));
    const auto outcome = others[i].finish();
    CHECK(outcome.out == fmt::format("input {}\n", i));
    CHECK(outcome.result == fmt::format(R"({{"exit":{}}})", i + 1));
  }
}

TEST_CASE("channel_that_loses_its_host_ends_its_own_command_alone") {
  Guest* g = guest();
  if (!g) return;
  auto others = more_channels(*g);
  for (auto& other : others) {
    other.allow(std::chrono::seconds(30));
    other.send(FrameType::kExec, R"({"argv":["sh","-c","echo up; exec sleep 1000"]})");
    CHECK(other.receive().payload == "up\n");
  }
  CHECK(g->exec->run("pidof sleep | wc -w").out == "3\n");
  others.erase(others.begin());
  CHECK(
      g->exec
          ->run(
              "for i in $(seq 100); do test $(pidof sleep | wc -w) = 2 && break; sleep 0.1; done; pidof sleep | wc -w")
          .out == "2\n");
  for (auto& other : others) {
    other.send(FrameType::kSignal, "\x0f");
    CHECK(other.finish().result == R"({"signal":15})");
  }
}

}  // namespace
}  // namespace enforcer::host
