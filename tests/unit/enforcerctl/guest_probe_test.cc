// The facts that the probe brings from inside a guest: what the script prints is read, and nothing else is.
#include "enforcerctl/guest_probe.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "hostproto/exec_frame.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;
using hostproto::Frame;
using hostproto::FrameType;

namespace {

constexpr std::string_view kFacts =
    "probe 1\nhas openssl\nhas curl\nhas node\nhas java\nvar SSL_CERT_FILE holds /etc/ssl/a b.crt\n"
    "var CURL_CA_BUNDLE lacks /x\nvar NODE_EXTRA_CA_CERTS absent /y\nnode system\nstore holds /etc/ssl/cert.pem\n"
    "openssl holds\ngitconfig lacks /g\nhas requests\nrequests lacks /r\nwget busybox\njava lacks \ndone\n";

RuntimeTrust verdict_about(std::string_view runtime, const GuestFacts& facts) {
  const auto all = judge(facts);
  const auto found = std::ranges::find(all, runtime, &RuntimeTrust::runtime);
  REQUIRE(found != all.end());
  return *found;
}

/// One end for run_probe(), the other for the test; what the guest says is there before it is asked.
struct ProbeStage {
  explicit ProbeStage(const std::vector<Frame>& frames) {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    guest = Fd(ends[0]);
    connection = Fd(ends[1]);
    for (const Frame& frame : frames) {
      const std::string bytes = hostproto::encode_frame(frame.type, frame.payload);
      REQUIRE(write(guest.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
  }
  [[nodiscard]] Result<std::string> run(std::chrono::milliseconds patience = std::chrono::seconds(10)) const {
    return run_probe(connection, R"({"argv":["true"]})", Deadline::after(patience));
  }
  Fd guest, connection;
};

}  // namespace

TEST_CASE("facts_of_a_guest_are_read") {
  const auto facts = parse_probe(kFacts);
  REQUIRE_MESSAGE(facts.has_value(), (facts ? "" : facts.error().message));
  CHECK(facts->installed == std::set<std::string>{"openssl", "curl", "node", "java", "requests"});
  REQUIRE(facts->variables.size() == 3);
  CHECK(facts->variables.at("SSL_CERT_FILE").standing == Standing::kHolds);
  CHECK(facts->variables.at("SSL_CERT_FILE").path == "/etc/ssl/a b.crt");
  CHECK(facts->variables.at("CURL_CA_BUNDLE").standing == Standing::kLacks);
  CHECK(facts->variables.at("NODE_EXTRA_CA_CERTS").standing == Standing::kAbsent);
  CHECK(facts->store.value().path == "/etc/ssl/cert.pem");
  CHECK(facts->requests.value().path == "/r");
  CHECK(facts->git_config.value().path == "/g");
  CHECK(facts->java.value().standing == Standing::kLacks);
  CHECK(facts->openssl == Standing::kHolds);
  CHECK((facts->node_asks_system && facts->wget_is_busybox));
  CHECK(parse_probe("probe 1\ndone\n").value().installed.empty());
}

TEST_CASE("what_the_probe_cannot_have_printed_is_refused") {
  const std::string many = [] {
    std::string text = "probe 1\n";
    for (int i = 0; i < 300; ++i) text += "has curl\n";
    return text + "done\n";
  }();
  const std::string vast = "probe 1\nstore holds " + std::string(70'000, 'x') + "\ndone\n";
  for (const std::string& text : std::vector<std::string>{"",
                                                          "\n",
                                                          "done\n",
                                                          "probe 2\ndone\n",
                                                          "probe 1\n",
                                                          "probe 1\nhas curl\n",
                                                          "probe 1\ndone",
                                                          "probe 1\ndone\nhas curl\n",
                                                          "probe 1\nhas ls\ndone\n",
                                                          "probe 1\nhas \ndone\n",
                                                          "probe 1\nhas\ndone\n",
                                                          "probe 1\nhas curl \ndone\n",
                                                          "probe 1\nvar PATH holds /x\ndone\n",
                                                          "probe 1\nvar SSL_CERT_FILE /x\ndone\n",
                                                          "probe 1\nvar\ndone\n",
                                                          "probe 1\nstore maybe /x\ndone\n",
                                                          "probe 1\nopenssl\ndone\n",
                                                          "probe 1\nopenssl yes\ndone\n",
                                                          "probe 1\nnode\ndone\n",
                                                          "probe 1\nwget gnu\ndone\n",
                                                          "probe 1\r\ndone\r\n",
                                                          "probe 1\n\x1b[2Jhas curl\ndone\n",
                                                          "Welcome!\nprobe 1\ndone\n",
                                                          many,
                                                          vast}) {
    CAPTURE(text.substr(0, 60));
    const auto facts = parse_probe(text);
    REQUIRE_FALSE(facts.has_value());
    CHECK(facts.error().code == Errc::kInvalid);
    CHECK(std::ranges::none_of(facts.error().message, [](char c) { return c < ' ' || c == '\x7f'; }));
  }
}

TEST_CASE("invariant_10_paths_that_a_guest_names_are_escaped_and_short") {
  const std::string hostile = "probe 1\nhas curl\nvar SSL_CERT_FILE lacks /\x1b]0;x\x07\xff\\\nstore holds /" +
                              std::string(5000, 'a') + "\ndone\n";
  const auto facts = parse_probe(hostile);
  REQUIRE(facts.has_value());
  CHECK(facts->variables.at("SSL_CERT_FILE").path == "/\\x1b]0;x\\x07\\xff\\x5c");
  CHECK(facts->store->path.size() < 600);
  const auto verdict = verdict_about("curl", *facts);
  CHECK(verdict.trust == Trust::kNo);
  CHECK(std::ranges::all_of(verdict.note, [](char c) { return c >= ' ' && c < '\x7f'; }));
}

TEST_CASE("each_runtime_is_judged_by_what_it_reads") {
  GuestFacts facts;
  facts.installed = {"openssl", "curl",  "git",  "node", "npm",    "python3", "requests",
                     "pip",     "cargo", "java", "go",   "docker", "wget"};
  const std::vector<std::string> by_the_store{"curl", "git", "cargo", "go", "docker", "wget", "system store"};
  const auto trust = [&](std::string_view runtime) { return verdict_about(runtime, facts).trust; };
  for (const std::string& runtime : by_the_store) CHECK(trust(runtime) == Trust::kNo);
  facts.store = TrustFile{Standing::kLacks, "/etc/ssl/certs/ca-certificates.crt"};
  for (const std::string& runtime : by_the_store) CHECK(trust(runtime) == Trust::kNo);
  facts.store->standing = Standing::kHolds;
  for (const std::string& runtime : by_the_store) CHECK(trust(runtime) == Trust::kYes);
  // Those that may bring CAs of their own are no matter of the store alone.
  for (const char* runtime : {"node", "npm", "pip", "java"}) CHECK(trust(runtime) == Trust::kUnknown);
  CHECK(trust("requests") == Trust::kNo);
  facts.requests = TrustFile{Standing::kHolds, "/certifi"};
  CHECK(trust("requests") == Trust::kYes);
  facts.openssl = Standing::kLacks;
  CHECK((trust("openssl") == Trust::kNo && trust("python3") == Trust::kNo));
  facts.wget_is_busybox = true;
  CHECK(trust("wget") == Trust::kNo);
  facts.openssl = Standing::kHolds;
  CHECK((trust("openssl") == Trust::kYes && trust("python3") == Trust::kYes && trust("wget") == Trust::kYes));

  struct Rule {
    const char* variable;
    std::vector<const char*> runtimes;
  };
  for (const Rule& rule : std::vector<Rule>{{"SSL_CERT_FILE", {"curl", "cargo", "go"}},
                                            {"CURL_CA_BUNDLE", {"curl", "requests", "pip"}},
                                            {"GIT_SSL_CAINFO", {"git"}},
                                            {"NODE_EXTRA_CA_CERTS", {"node", "npm"}},
                                            {"npm_config_cafile", {"npm"}},
                                            {"REQUESTS_CA_BUNDLE", {"requests", "pip"}},
                                            {"PIP_CERT", {"pip"}},
                                            {"CARGO_HTTP_CAINFO", {"cargo"}}}) {
    CAPTURE(rule.variable);
    for (const char* runtime : rule.runtimes) {
      CAPTURE(runtime);
      facts.variables = {{rule.variable, {Standing::kHolds, "/f"}}};
      CHECK(trust(runtime) == Trust::kYes);
      for (const Standing wrong : {Standing::kLacks, Standing::kAbsent}) {
        facts.variables = {{rule.variable, {wrong, "/f"}}};
        CHECK(trust(runtime) == Trust::kNo);
        CHECK(verdict_about(runtime, facts).note.contains(rule.variable));
      }
    }
  }
  facts.variables.clear();
  facts.node_asks_system = true;
  CHECK((trust("node") == Trust::kYes && trust("npm") == Trust::kYes));
  facts.git_config = TrustFile{Standing::kLacks, "/g"};
  CHECK(trust("git") == Trust::kNo);
  facts.java = TrustFile{Standing::kHolds, ""};
  CHECK(trust("java") == Trust::kYes);
  facts.java->standing = Standing::kLacks;
  CHECK(trust("java") == Trust::kNo);

  facts.installed.clear();
  for (const RuntimeTrust& runtime : judge(facts)) {
    CHECK(runtime.installed == (runtime.runtime == "system store"));
  }
}

TEST_CASE("the_probe_is_asked_once_and_heard_to_its_end") {
  const ProbeStage stage({{FrameType::kStdout, "pro"},
                          {FrameType::kStderr, "noise"},
                          {FrameType::kStdin, std::string(4, '\0')},
                          {FrameType::kStdout, "be 1\ndone\n"},
                          {FrameType::kResult, R"({"exit":0})"}});
  CHECK(stage.run().value() == "probe 1\ndone\n");
  hostproto::FrameReader heard;
  char buffer[4096];
  const ssize_t size = read(stage.guest.get(), buffer, sizeof buffer);
  REQUIRE(size > 0);
  REQUIRE(heard.feed(as_bytes({buffer, static_cast<std::size_t>(size)})).has_value());
  CHECK(heard.next()->type == FrameType::kExec);
  const auto input = heard.next();
  REQUIRE(input.has_value());
  CHECK((input->type == FrameType::kStdin && input->payload.empty()));
  CHECK_FALSE(heard.next().has_value());
}

TEST_CASE("a_probe_that_does_not_end_well_is_an_error") {
  CHECK(ProbeStage({}).run(std::chrono::milliseconds(50)).error().code == Errc::kTimeout);
  CHECK(ProbeStage({{FrameType::kStdout, "probe 1\n"}}).run(std::chrono::milliseconds(50)).error().code ==
        Errc::kTimeout);
  const std::string much(40'000, 'x');
  CHECK(ProbeStage({{FrameType::kStdout, much}, {FrameType::kStdout, much}}).run().error().code == Errc::kInvalid);
  CHECK(ProbeStage({{FrameType::kStderr, much}, {FrameType::kStdout, much}}).run().error().code == Errc::kInvalid);
  for (const char* result : {R"({"exit":1})", R"({"signal":9})", R"({"error":"no sh \u001b[2J"})", R"({"exit":"0"})",
                             "{", "[]", "", "\x1b[2J"}) {
    CAPTURE(result);
    const auto ended = ProbeStage({{FrameType::kResult, result}}).run();
    REQUIRE_FALSE(ended.has_value());
    CHECK(ended.error().code == Errc::kIo);
    CHECK_FALSE(ended.error().message.contains('\x1b'));
  }
  ProbeStage gone({{FrameType::kStdout, "probe 1\n"}});
  gone.guest.reset();
  CHECK(gone.run().error().code == Errc::kIo);
}

TEST_CASE("a_guest_that_never_stops_talking_ends_with_the_time_of_the_probe") {
  for (const FrameType type : {FrameType::kStdout, FrameType::kStderr}) {
    ProbeStage stage({});
    fcntl(stage.guest.get(), F_SETFL, 0);
    std::string frames;
    while (frames.size() < 256 * 1024) frames += hostproto::encode_frame(type, "");
    std::thread talker([&stage, &frames] {
      // Longer than the probe may last: then it ends with the connection, which is another error.
      const auto enough = Deadline::after(std::chrono::seconds(3));
      while (!enough.passed() && send(stage.guest.get(), frames.data(), frames.size(), MSG_NOSIGNAL) > 0) {
      }
      stage.guest.reset();
    });
    const auto ended = stage.run(std::chrono::milliseconds(100));
    stage.connection.reset();
    talker.join();
    REQUIRE_FALSE(ended.has_value());
    CHECK(ended.error().code == Errc::kTimeout);
  }
}

TEST_CASE("the_probe_is_asked_for_a_certificate_only") {
  const auto request = nlohmann::json::parse(probe_request(authority_info()).value());
  REQUIRE(request.at("argv").size() == 6);
  CHECK(request.at("argv").at(0) == "sh");
  CHECK(request.at("argv").at(2) == probe_script());
  CHECK(request.at("argv").at(4) == authority_info().pem);
  CHECK(request.at("argv").at(5) == "AB:CD");
  for (const char* pem : {"", "x", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
                          "-----BEGIN CERTIFICATE-----\nMIIB\n", "MIIB\n-----END CERTIFICATE-----\n"}) {
    CAPTURE(pem);
    control::AuthorityInfo wrong = authority_info();
    wrong.pem = pem;
    CHECK_FALSE(probe_request(wrong).has_value());
  }
  control::AuthorityInfo nameless = authority_info();
  nameless.fingerprint = "";
  CHECK_FALSE(probe_request(nameless).has_value());
}

TEST_CASE("doctor_looks_into_a_microvm") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"doctor", "--guest", "vm"}).status == 5);
  CHECK(run_with(daemon, {"doctor", "--guest", "VM"}).status == 2);
  {
    const auto shared = daemon.locked();
    shared->guests = {guest_info("vm"), guest_info("box", "attached")};
    shared->authority = authority_info();
    shared->script = [](const Frame& frame) -> std::vector<Frame> {
      if (frame.type != FrameType::kExec) return {};
      return {{FrameType::kStdout, std::string(kFacts)}, {FrameType::kResult, R"({"exit":0})"}};
    };
  }
  const Ran table = run_with(daemon, {"doctor", "--guest", "vm"});
  CHECK(table.err.empty());
  CHECK(table.status == 3);  // curl reads /x
  CHECK(table.out.starts_with("RUNTIME        INSTALLED   TRUST   NOTE\n"));
  CHECK(table.out.contains("curl           yes         no      CURL_CA_BUNDLE names /x, which lacks the guest's CA\n"));
  CHECK(table.out.contains("git            no          -       -\n"));
  const auto json = nlohmann::json::parse(run_with(daemon, {"doctor", "--guest", "vm", "-o", "json"}).out);
  CHECK(json.at("guest") == "vm");
  CHECK(json.at("runtimes").size() == 14);
  CHECK(json.at("runtimes").at(1).at("runtime") == "openssl");
  CHECK(json.at("runtimes").at(1).at("installed") == true);
  CHECK(json.at("runtimes").at(1).at("trust") == "yes");

  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type != FrameType::kExec) return {};
    return {{FrameType::kStdout, "probe 1\nhas curl\nstore holds /s\ndone\n"}, {FrameType::kResult, R"({"exit":0})"}};
  };
  CHECK(run_with(daemon, {"doctor", "--guest", "vm"}).status == 0);
  daemon.locked()->script = [](const Frame& frame) -> std::vector<Frame> {
    if (frame.type != FrameType::kExec) return {};
    return {{FrameType::kStdout, "\x1b[2J"}, {FrameType::kResult, R"({"exit":0})"}};
  };
  const Ran hostile = run_with(daemon, {"doctor", "--guest", "vm"});
  CHECK(hostile.status == 1);
  CHECK(hostile.out.empty());
  CHECK_FALSE(hostile.err.contains('\x1b'));
}

TEST_CASE("doctor_says_that_it_cannot_look_into_an_attached_namespace") {
  FakeDaemon daemon;
  daemon.locked()->guests = {guest_info("box", "attached")};
  const Ran ran = run_with(daemon, {"doctor", "--guest", "box"});
  CHECK(ran.status == 1);
  CHECK(ran.out.empty());
  CHECK(ran.err.contains("nobody can look inside"));
  CHECK(ran.err.contains("enforcerctl ca export box"));
  CHECK(daemon.shared.calls_now().empty());
}
