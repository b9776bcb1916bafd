// The keyring over real files, a real store and a real helper: one flight, caching, refreshing, expiry, errors.
#include "credentials/keyring.h"

#include <fmt/chrono.h>
#include <signal.h>
#include <sys/wait.h>

#include <boost/asio/detached.hpp>

#include "../temporary_folder.h"
#include "credentials/command_source.h"
#include "credentials/helper_packet.h"
#include "scratch.h"
#include "toy_https.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

namespace asio = boost::asio;
using Shared = std::shared_ptr<const Secret>;
constexpr auto kNotice = ExecSource::Purpose::kNotice;

/// A keyring whose helper runs the scripts of one folder: credential NAME runs FOLDER/NAME, and "keys" prints keys.
class Rig {
 public:
  Rig() {
    auto helper = Helper::start(
        [folder = scratch.file("")]() -> Result<std::vector<ExecSource>> {
          std::vector<ExecSource> sources;
          for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            const std::string name = entry.path().filename();
            sources.push_back({name, {entry.path()}, name == "keys" ? Shape::kKeyPair : Shape::kLine});
          }
          return sources;
        },
        {.deadline = std::chrono::seconds(5)},
        {{.name = "told",
          .argv = {write_script(scratch, "told.sh", "cat >> " + scratch.file("told"))},
          .purpose = kNotice},
         {.name = "deaf", .argv = {"/bin/false"}, .purpose = kNotice}});
    REQUIRE(helper.has_value());
    helper_pid = helper->pid();
    keyring.emplace(io, client, Folders{.store = scratch.file("store")}, Environment::take({}), *std::move(helper));
  }
  ~Rig() {
    keyring.reset();
    waitpid(helper_pid, nullptr, 0);
  }

  /// A command that counts its runs in FOLDER/NAME.runs and prints what the shell text says.
  policy::CredentialSpec command(const std::string& name, const std::string& text) const {
    const std::string path = write_script(scratch, name, "echo run >> " + scratch.file(name + ".runs") + "\n" + text);
    return spec(name, {.kind = Kind::kExec, .argv = {path}});
  }
  [[nodiscard]] std::ptrdiff_t runs(const std::string& name) const {
    return std::ranges::count(scratch.read(name + ".runs"), '\n');
  }

  Result<Shared> secret(const policy::CredentialSpec& of,
                        std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    return await(io, keyring->secret_of(of, Deadline::after(patience)));
  }
  Result<> tell(const std::string& name, std::string line) {
    return await(io, keyring->commands().tell(name, std::move(line), Deadline::after(std::chrono::seconds(20))));
  }
  std::string text(const policy::CredentialSpec& of) {
    const auto got = secret(of);
    return got ? std::string((*got)->reveal()) : "error: " + got.error().message;
  }
  /// Turns the loop until the condition holds.
  bool until(const std::function<bool()>& condition) {
    return eventually([&] {
      io.restart();
      io.poll();
      return condition();
    });
  }

  const TemporaryFolder scratch;
  asio::io_context io;
  pid_t helper_pid = 0;
  // Nothing here is asked over a network.
  std::unique_ptr<net::Poller> poller = net::Poller::make(io).value();
  net::TimerWheel wheel;
  std::unique_ptr<tls::ClientContext> trust = tls::ClientContext::make({.system = false, .files = {}}).value();
  LoopbackConnector nowhere{io, *poller, Port{1}};
  HttpsClient client{wheel, *trust, nowhere};
  std::optional<Keyring> keyring;
};

std::string in_seconds(int seconds) {
  return "date -u -d '+" + std::to_string(seconds) +
         " seconds' +'{\"value\": \"'$$'\", \"expires\": \"%Y-%m-%dT%H:%M:%S.%NZ\"}'";
}

}  // namespace

TEST_CASE("a_failing_source_says_which_credential_and_where_it_is_declared") {
  Rig rig;
  const auto got = rig.secret(file_spec("/nonexistent/token"));
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().code == Errc::kUnavailable);
  CHECK(got.error().message == "credential bot (credentials.yaml:7): /nonexistent/token: no such file");
  CHECK(rig.text(spec("bot", {.kind = Kind::kEnv, .variable = "NO_SUCH"})).contains("NO_SUCH"));
  CHECK(rig.text(rig.command("broken", "exit 1")) ==
        "error: credential broken (credentials.yaml:7): its command ended with exit code 1");
  CHECK(rig.text(spec("unknown", {.kind = Kind::kExec, .argv = {"/bin/true"}})).contains("is its file among them?"));
  CHECK(rig.text(file_spec(rig.scratch.write("token", "v"))) == "v");  // and everything else goes on
}

TEST_CASE("many_requests_share_one_run_and_its_value") {
  Rig rig;
  const auto slow = rig.command("slow", "sleep 0.3; echo v");
  int done = 0;
  for (int i = 0; i < 20; ++i) {
    asio::co_spawn(
        rig.io, rig.keyring->secret_of(slow, Deadline::after(std::chrono::seconds(20))),
        [&](std::exception_ptr, const Result<Shared>& got) { done += got && (*got)->reveal() == "v" ? 1 : 0; });
  }
  CHECK(rig.until([&] { return done == 20; }));
  CHECK(rig.text(slow) == "v");
  CHECK(rig.runs("slow") == 1);
}

TEST_CASE("who_cannot_wait_for_a_slow_command_gets_an_error_and_the_next_one_the_value") {
  Rig rig;
  const auto slow = rig.command("slow", "sleep 0.5; echo v");
  const auto got = rig.secret(slow, std::chrono::milliseconds(50));
  REQUIRE_FALSE(got.has_value());
  CHECK(got.error().message.contains("has not answered yet"));
  CHECK(rig.text(slow) == "v");
  CHECK(rig.runs("slow") == 1);
}

TEST_CASE("a_value_is_renewed_before_it_ends_and_used_meanwhile") {
  Rig rig;
  // From its second run on, the command waits until the test lets it go on.
  const auto brief = rig.command("brief", "if [ -e " + rig.scratch.file("second") + " ]; then while [ ! -e " +
                                              rig.scratch.file("open") + " ]; do sleep 0.02; done; fi\ntouch " +
                                              rig.scratch.file("second") + "\n" + in_seconds(6));
  const std::string first = rig.text(brief);
  CHECK(rig.text(brief) == first);
  CHECK(rig.runs("brief") == 1);
  CHECK(rig.keyring->state_of(brief).expires.has_value());
  CHECK(rig.until([&] {
    CHECK(rig.text(brief) == first);
    return rig.runs("brief") == 2;
  }));
  CHECK(rig.text(brief) == first);  // nobody waits for the new one
  rig.scratch.write("open", "");
  CHECK(rig.until([&] { return rig.text(brief) != first; }));
  CHECK(rig.runs("brief") == 2);
}

TEST_CASE("a_value_is_never_used_past_its_expiry_and_not_renewed_for_nobody") {
  Rig rig;
  const auto brief = rig.command("brief", in_seconds(2));
  const std::string first = rig.text(brief);
  CHECK(rig.runs("brief") == 1);
  CHECK(rig.until([&] { return rig.keyring->state_of(brief).kind == State::Kind::kNotAsked; }));
  CHECK(rig.runs("brief") == 1);
  CHECK(rig.text(brief) != first);
  CHECK(rig.runs("brief") == 2);
}

TEST_CASE("a_command_that_failed_is_left_alone_for_a_while") {
  Rig rig;
  const auto broken = rig.command("broken", "exit 1");
  for (int i = 0; i < 20; ++i) CHECK(rig.text(broken).starts_with("error: "));
  CHECK(rig.runs("broken") == 1);
  CHECK(rig.keyring->state_of(broken).kind == State::Kind::kFailing);
  CHECK(rig.keyring->state_of(broken).error == "its command ended with exit code 1");
}

TEST_CASE("a_forgotten_value_is_asked_for_again_and_so_is_one_of_another_command") {
  Rig rig;
  auto counted = rig.command("counted", "echo $$");
  CHECK(rig.keyring->state_of(counted).kind == State::Kind::kNotAsked);
  const std::string first = rig.text(counted);
  CHECK(rig.text(counted) == first);
  CHECK(rig.keyring->state_of(counted).kind == State::Kind::kOk);
  rig.keyring->forget("counted");
  CHECK(rig.text(counted) != first);
  CHECK(rig.runs("counted") == 2);
  counted.source.argv.push_back("--other");  // a reload
  CHECK_FALSE(rig.text(counted).starts_with("error"));
  CHECK(rig.runs("counted") == 3);
}

TEST_CASE("a_failure_that_is_forgotten_does_not_keep_the_command_from_being_asked_again") {
  Rig rig;
  const auto heals = rig.command("heals", "if [ -e " + rig.scratch.file("healed") + " ]; then echo v; else exit 1; fi");
  CHECK(rig.text(heals).starts_with("error: "));
  rig.scratch.write("healed", "");
  CHECK(rig.text(heals).starts_with("error: "));  // the control: it is left alone for a while
  CHECK(rig.runs("heals") == 1);
  rig.keyring->forget("heals");
  CHECK(rig.text(heals) == "v");
}

TEST_CASE("a_renewed_value_is_compared_with_the_one_that_was_given_last") {
  Rig rig;
  const auto renewed = [&](const policy::CredentialSpec& of) {
    const auto renewal = await(rig.io, rig.keyring->renew(of, Deadline::after(std::chrono::seconds(20))));
    return !renewal ? "error: " + renewal.error().message : renewal->changed ? "another" : "the same";
  };
  const auto file = file_spec(rig.scratch.write("token", "one"));
  CHECK(rig.keyring->state_of(file).kind == State::Kind::kOk);
  CHECK(renewed(file) == "another");  // looked at, not given
  CHECK(renewed(file) == "the same");
  CHECK(rig.text(file) == "one");
  rig.scratch.write("token", "two");
  CHECK(rig.keyring->state_of(file).kind == State::Kind::kOk);
  CHECK(renewed(file) == "another");
  CHECK(rig.text(file) == "two");
  rig.keyring->forget("other");
  CHECK(renewed(file) == "the same");
  rig.keyring->forget("bot");
  CHECK(renewed(file) == "another");
  std::filesystem::remove(rig.scratch.file("token"));
  CHECK(renewed(file).starts_with("error: credential bot (credentials.yaml:7): "));

  const auto stored = spec("stored", {.kind = Kind::kStored});
  for (const bool erased : {false, true}) {
    REQUIRE(rig.keyring->set(stored, *Secret::copy_of("v")));
    CHECK(rig.text(stored) == "v");
    CHECK(renewed(stored) == "the same");
    if (erased) REQUIRE(rig.keyring->erase(stored));
    REQUIRE(rig.keyring->set(stored, *Secret::copy_of("v")));
    CHECK(renewed(stored) == "another");
  }
}

TEST_CASE("values_are_the_same_when_every_octet_is") {
  const auto same = [](std::string_view a, std::string_view b) {
    return same_value(*Secret::copy_of(a), *Secret::copy_of(b));
  };
  CHECK(same("S3CR3T", "S3CR3T"));
  CHECK(same(std::string(65536, 'x'), std::string(65536, 'x')));
  CHECK_FALSE(same("S3CR3T", "S3CR3U"));
  CHECK_FALSE(same("S3CR3T", "s3CR3T"));
  CHECK_FALSE(same("S3CR3T", "S3CR3"));
  CHECK_FALSE(same("S3CR3", "S3CR3T"));
}

TEST_CASE("without_the_helper_commands_are_unavailable_and_everything_else_goes_on") {
  Rig rig;
  const auto slow = rig.command("slow", "sleep 600");
  std::optional<Result<Shared>> waiting;
  asio::co_spawn(rig.io, rig.keyring->secret_of(slow, Deadline::after(std::chrono::seconds(20))),
                 [&](std::exception_ptr, Result<Shared> got) { waiting = std::move(got); });
  CHECK(rig.until([&] { return rig.runs("slow") == 1; }));
  kill(rig.helper_pid, SIGKILL);
  CHECK(rig.until([&] { return waiting.has_value(); }));
  CHECK(waiting->error().message.contains("restart enforcerd"));
  CHECK(rig.text(rig.command("other", "echo v")).contains("restart enforcerd"));
  CHECK(rig.text(file_spec(rig.scratch.write("token", "v"))) == "v");
}

TEST_CASE("a_command_is_told_a_line_until_it_has_ended_and_its_failure_is_an_error") {
  Rig rig;
  CHECK(rig.tell("told", "{\"a\": 1}\n"));
  CHECK(rig.tell("told", "{}\n"));
  CHECK(rig.scratch.read("told") == "{\"a\": 1}\n{}\n");
  CHECK(rig.tell("deaf", "{}\n").error().message.contains("exit code 1"));
  CHECK(rig.tell("unknown", "{}\n").error().code == Errc::kUnavailable);
  CHECK(rig.tell("told", std::string(kMaxInput, 'x') + "\n").error().code == Errc::kInvalid);
  CHECK(rig.tell("told", std::string(kMaxInput - 1, 'x') + "\n"));  // and the helper goes on
  CHECK(rig.text(rig.command("value", "echo v")) == "v");
}

TEST_CASE("values_are_stored_for_credentials_of_the_store_only") {
  Rig rig;
  const auto stored = spec("stored", {.kind = Kind::kStored});
  const Secret value = *Secret::copy_of("v");
  CHECK(rig.keyring->state_of(stored).kind == State::Kind::kMissing);
  CHECK(rig.keyring->erase(stored).error().code == Errc::kNotFound);
  REQUIRE(rig.keyring->set(stored, value));
  CHECK(rig.text(stored) == "v");
  CHECK(rig.keyring->state_of(stored).kind == State::Kind::kOk);
  REQUIRE(rig.keyring->erase(stored));
  CHECK(rig.text(stored).contains("'enforcerctl credential set stored'"));

  const auto file = file_spec(rig.scratch.write("token", "v"));
  CHECK(rig.keyring->set(file, value).error().code == Errc::kConflict);
  CHECK(rig.keyring->erase(file).error().message ==
        "the value of credential bot does not come from the store: credentials.yaml:7 says where");
  CHECK(rig.text(file) == "v");
}

TEST_CASE("keys_that_have_ended_are_unavailable_whatever_their_file_says") {
  Rig rig;
  const auto in = [](int seconds) {
    const auto time = std::chrono::floor<std::chrono::seconds>(WallClock::now()) + std::chrono::seconds(seconds);
    return fmt::format(R"({{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "{:%FT%TZ}"}})",
                       time);
  };
  auto keys = file_spec(rig.scratch.write("keys", in(3)));
  keys.inject.push_back({.as = policy::CredentialSpec::Injection::As::kSigV4});
  CHECK(rig.text(keys) == "a\nb");
  CHECK(rig.keyring->state_of(keys).expires.has_value());
  const auto end = rig.keyring->end_of(keys);
  CHECK(end == rig.keyring->state_of(keys).expires);
  CHECK(rig.until([&] { return rig.text(keys).starts_with("error: "); }));
  CHECK(rig.keyring->state_of(keys).kind == State::Kind::kFailing);
  CHECK(rig.keyring->end_of(keys) == end);
  auto other = file_spec(rig.scratch.file("none"));
  other.inject = keys.inject;
  CHECK_FALSE(rig.keyring->end_of(other).has_value());
  rig.scratch.write("keys", in(60));
  CHECK(rig.text(keys) == "a\nb");
  CHECK(rig.keyring->end_of(keys).value() > *end);
  rig.scratch.write("keys", R"({"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b"})");
  CHECK_FALSE(rig.keyring->end_of(keys).has_value());
}

TEST_CASE("commands_print_keys_and_private_keys_where_the_credential_wants_them") {
  Rig rig;
  auto keys =
      rig.command("keys", R"(echo '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c",
"Expiration": "2100-01-01T00:00:00Z"}')");
  keys.inject.push_back({.as = policy::CredentialSpec::Injection::As::kSigV4});
  CHECK(rig.text(keys) == "a\nb\nc");
  CHECK(rig.keyring->state_of(keys).expires ==
        WallClock::time_point(std::chrono::sys_days(std::chrono::year(2100) / 1 / 1)));
  CHECK_FALSE(rig.keyring->end_of(keys).has_value());  // the command is run again in time
  // Helper and daemon may read the files at different moments: a value of the other shape is none.
  keys.inject.clear();
  CHECK(rig.text(keys).contains("the value has a line break inside"));
}

TEST_CASE("what_systemd_gave_is_read_from_its_folder_only") {
  Rig rig;
  CHECK(rig.text(spec("bot", {.kind = Kind::kSystemd, .variable = "token"})).contains("LoadCredential=token:"));
  CHECK(rig.keyring->state_of(spec("bot", {.kind = Kind::kSystemd, .variable = "token"})).kind ==
        State::Kind::kMissing);
}
