// The server over a real socket, asked by the real client and by raw bytes.
#include "control/server.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "../temporary_folder.h"
#include "control/json.h"
#include "fake_daemon.h"

using namespace enforcer;
using namespace enforcer::control;
using namespace enforcer::control::testing;

namespace {

/// A connection that says exactly the bytes it is told.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  void say(std::string_view bytes) { send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  /// Everything until the server closes, or until `end` has been seen.
  std::string hear(std::string_view end = {}) {
    std::string heard;
    char buffer[4096];
    while (end.empty() || !heard.contains(end)) {
      const ssize_t size = recv(fd_.get(), buffer, sizeof buffer, 0);
      if (size < 0) return heard + "<timeout>";
      if (size == 0) return heard;
      heard.append(buffer, static_cast<std::size_t>(size));
    }
    return heard;
  }

 private:
  Fd fd_;
};

bool has_line(const std::string& text, std::string_view line) {
  return text.contains(line);
}

}  // namespace

TEST_CASE("answers_status_as_versioned_json") {
  FakeDaemon daemon;
  const Reply reply = daemon.ask("GET", "/v1/status");
  CHECK(reply.status == 200);
  const auto status = decode_status(reply.body);
  REQUIRE(status.has_value());
  CHECK(status->version == "1.2.3");
  CHECK(status->uptime == std::chrono::seconds(3700));
  CHECK(status->attach_mode == "tcx");
  CHECK(reply.body.contains("\"api_version\":\"v1\""));
}

TEST_CASE("serves_several_requests_on_one_connection") {
  FakeDaemon daemon;
  RawClient raw(daemon.socket());
  for (int i = 0; i < 3; ++i) {
    raw.say("GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string heard = raw.hear("}\n");
    CHECK(heard.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(has_line(heard, "application/json"));
  }
}

TEST_CASE("curl_works_against_the_socket") {
  if (std::system("command -v curl >/dev/null") != 0) {
    MESSAGE("skipped: no curl");
    return;
  }
  FakeDaemon daemon;
  const std::string out = daemon.folder.file("out");
  const std::string command = "curl -sS --max-time 10 --unix-socket " + daemon.socket() +
                              " -X POST http://enforcer/v1/guests -d '{\"name\":\"a\"}' -w '%{http_code}' > " + out;
  CHECK(std::system(command.c_str()) == 0);
  std::ifstream file(out);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  CHECK(text.ends_with("201"));
  CHECK(daemon.shared.calls_now() == std::vector<std::string>{"create a mini 0"});
}

TEST_CASE("refuses_what_is_not_a_route") {
  FakeDaemon daemon;
  CHECK(daemon.ask("GET", "/v1/nothing").status == 404);
  CHECK(daemon.ask("GET", "/v1/guests/a/b/c").status == 404);
  CHECK(daemon.ask("GET", "/v2/status").status == 404);
  CHECK(daemon.ask("GET", "/v1/status?a=1&a=2").status == 400);
  CHECK(daemon.ask("GET", "/v1/%zz").status == 400);
  CHECK(daemon.ask("DELETE", "/v1/status").status == 405);

  RawClient raw(daemon.socket());
  raw.say("PUT /v1/guests HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(has_line(raw.hear(), "Allow: GET, POST\r\n"));
}

TEST_CASE("refuses_malformed_bodies_with_the_field_that_is_wrong") {
  FakeDaemon daemon;
  const auto refused = [&](std::string_view body) {
    const Reply reply = daemon.ask("POST", "/v1/guests", body);
    CHECK(reply.status == 400);
    return decode_error(reply.status, reply.body).message;
  };
  CHECK(refused("{") == "not valid JSON");
  CHECK(refused("[]") == "not a JSON object");
  CHECK(refused("{}").contains("\"name\" is missing"));
  CHECK(refused(R"({"name":"a","memry_mib":1})") == "unknown field \"memry_mib\"");
  CHECK(refused(R"({"name":"a","name":"b"})") == "key \"name\" is given twice");
  CHECK(refused(R"({"name":"A"})").contains("1-40 characters"));
  CHECK(refused(R"({"name":"a","memory_mib":1})").contains("between 64 and 65536"));
  CHECK(refused(R"({"name":"a","cpus":-1})").contains("not a whole number"));
  CHECK(refused(R"({"name":"a","ephemeral":1})").contains("not true or false"));
  CHECK(refused(R"({"name":"a","disk_mib":63})").contains("\"disk_mib\""));
  CHECK(refused(R"({"name":"a","workspaces":{}})").contains("\"workspaces\" is not a list"));
  CHECK(refused(R"({"name":"a","workspaces":["/home/a"]})").contains("entry that is not an object"));
  CHECK(refused(R"({"name":"a","workspaces":[{"path":"/home/a","mode":"ro"}]})").contains("unknown field \"mode\""));
  CHECK(refused(R"({"name":"a","workspaces":[{"path":"/home/a","access":"rwx"}]})").contains("neither \"rw\" nor"));
  CHECK(refused(R"({"name":"a","workspaces":[{"path":"work"}]})").contains("must be absolute"));
  CHECK(refused(R"({"name":"a","workspaces":[{"path":"/home/../etc"}]})").contains("'..'"));
  CHECK(refused(R"({"name":"a","workspaces":[{"path":"/1"},{"path":"/2"},{"path":"/3"},{"path":"/4"},{"path":"/5"}]})")
            .contains("at most 4 workspaces"));
  CHECK(refused(R"({"name":"a","workspaces":[{"path":"/1"},{"path":"/1/2"}]})").contains("one lies in the other"));
  CHECK(refused(std::string(20'000, '[')) == "JSON nested too deeply");
  CHECK(daemon.shared.calls_now().empty());
  CHECK(daemon.ask("POST", "/v1/guests", R"({"name":"a","labels":{"k":"v"}})").status == 201);  // positive control
}

TEST_CASE("refuses_what_is_too_large_without_reading_it") {
  FakeDaemon daemon([](ServerOptions& options) { options.max_body = 1000; });
  CHECK(daemon.ask("POST", "/v1/policies", std::string(1001, ' ')).status == 413);
  CHECK(daemon.ask("POST", "/v1/policies", R"({"files":[{"name":"a","text":"b"}]})").status == 200);
  SUBCASE("announced") {
    RawClient raw(daemon.socket());
    raw.say("POST /v1/policies HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
    CHECK(has_line(raw.hear(), " 413 "));
  }
  SUBCASE("chunked") {
    RawClient raw(daemon.socket());
    raw.say("POST /v1/policies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
            std::string(2000, 'x'));
    CHECK(has_line(raw.hear(), " 413 "));
  }
  SUBCASE("head") {
    RawClient raw(daemon.socket());
    raw.say("GET /v1/status HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
    CHECK(has_line(raw.hear(), " 431 "));
  }
}

TEST_CASE("answers_400_to_what_is_not_http") {
  FakeDaemon daemon;
  RawClient raw(daemon.socket());
  raw.say("\x16\x03\x01 hello\r\n\r\n");
  CHECK(has_line(raw.hear(), " 400 "));
}

TEST_CASE("cuts_off_a_request_that_does_not_end") {
  FakeDaemon daemon([](ServerOptions& options) { options.request_deadline = std::chrono::milliseconds(100); });
  RawClient head(daemon.socket());
  head.say("GET /v1/sta");
  CHECK(head.hear().empty());
  RawClient body(daemon.socket());
  body.say("POST /v1/policies HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123");
  CHECK(body.hear().empty());
}

TEST_CASE("continues_after_expect_100") {
  FakeDaemon daemon;
  RawClient raw(daemon.socket());
  raw.say(
      "POST /v1/reload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  CHECK(raw.hear("\r\n\r\n").starts_with("HTTP/1.1 100 "));
  raw.say("{}");
  CHECK(has_line(raw.hear(), "HTTP/1.1 200 "));
}

TEST_CASE("compares_the_callers_role_with_the_routes") {
  if (geteuid() != 0) {
    MESSAGE("skipped: needs root");
    return;
  }
  FakeDaemon daemon;
  struct Case {
    uid_t uid;
    std::vector<gid_t> groups;
    unsigned get, post;
  };
  const std::vector<Case> cases{
      {4'200'000, {}, 403, 403},
      {4'200'000, {1, 2, 3}, 403, 403},
      {4'200'000, {kViewerGroup}, 200, 403},
      {4'200'000, {kReviewerGroup}, 200, 403},
      {4'200'000, {kAdminGroup}, 200, 200},
      {0, {}, 200, 200},
  };
  for (const Case& c : cases) {
    CAPTURE(c.uid);
    unsigned get = 0, post = 0;
    as_user(c.uid, 4'200'000, c.groups, [&] {
      get = daemon.client().request("GET", "/v1/status", {}, Deadline::after(std::chrono::seconds(10)))->status;
      post = daemon.client().request("POST", "/v1/reload", {}, Deadline::after(std::chrono::seconds(10)))->status;
    });
    CHECK(get == c.get);
    CHECK(post == c.post);
  }
  unsigned primary = 0;
  as_user(4'200'000, kAdminGroup, {}, [&] {
    primary = daemon.client().request("POST", "/v1/reload", {}, Deadline::after(std::chrono::seconds(10)))->status;
  });
  CHECK(primary == 200);
  const auto calls = daemon.shared.calls_now();
  CHECK(std::ranges::count(calls, "reload by 4200000") == 2);
  CHECK(std::ranges::count(calls, "reload by 0") == 1);
  const auto refused = [&](std::string_view what) {
    return std::ranges::count_if(
        calls, [&](const std::string& call) { return call.starts_with("refused 1: ") && call.contains(what); });
  };
  CHECK(refused("GET /v1/status of uid 4200000 pid") == 2);
  CHECK(refused("role none, and it needs viewer") == 4);  // strangers learn nothing of routes
  CHECK(refused("role viewer, and it needs admin") == 1);
  CHECK(refused("role reviewer, and it needs admin") == 1);
  CHECK(refused("") == 6);
}

TEST_CASE("strangers_learn_nothing_and_take_nothing_from_others") {
  if (geteuid() != 0) {
    MESSAGE("skipped: needs root");
    return;
  }
  FakeDaemon daemon([](ServerOptions& options) {
    options.max_connections = 2;
    options.max_stranger_connections = 2;
  });
  std::vector<std::unique_ptr<RawClient>> strangers;
  Reply unknown;
  std::string beyond;
  as_user(4'200'000, 4'200'000, {}, [&] {
    unknown = *daemon.client().request("GET", "/v1/nothing", {}, Deadline::after(std::chrono::seconds(10)));
    for (int i = 0; i < 2; ++i) strangers.push_back(std::make_unique<RawClient>(daemon.socket()));
    beyond = RawClient(daemon.socket()).hear();
  });
  CHECK(unknown.status == 403);  // not 404
  CHECK(beyond.empty());
  CHECK(daemon.ask("GET", "/v1/status").status == 200);
}

TEST_CASE("bounds_connections_and_gives_them_back") {
  FakeDaemon daemon([](ServerOptions& options) { options.max_connections = 2; });
  {
    RawClient first(daemon.socket());
    RawClient second(daemon.socket());
    for (RawClient* raw : {&first, &second}) {
      raw->say("GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n");
      CHECK(has_line(raw->hear("}\n"), " 200 "));
    }
    CHECK(RawClient(daemon.socket()).hear().empty());
  }
  CHECK(eventually([&] {
    const auto reply = daemon.client().request("GET", "/v1/version", {}, Deadline::after(std::chrono::seconds(10)));
    return reply && reply->status == 200;
  }));
}

TEST_CASE("every_errc_has_its_status_and_comes_back_as_itself") {
  FakeDaemon daemon;
  const std::vector<std::pair<Errc, unsigned>> cases{
      {Errc::kInvalid, 400},     {Errc::kDenied, 403},  {Errc::kNotFound, 404}, {Errc::kConflict, 409},
      {Errc::kUnavailable, 503}, {Errc::kTimeout, 504}, {Errc::kIo, 500},
  };
  for (const auto& [code, status] : cases) {
    {
      const std::lock_guard lock(daemon.shared.mutex);
      daemon.shared.error = Error{code, "because \"x\""};
    }
    const Reply reply = daemon.ask("POST", "/v1/guests", R"({"name":"a"})");
    CHECK(reply.status == status);
    const Error error = decode_error(reply.status, reply.body);
    CHECK(error.code == code);
    CHECK(error.message == "because \"x\"");
  }
}

TEST_CASE("policies_that_do_not_load_come_back_with_their_problems") {
  FakeDaemon daemon;
  daemon.locked()->load = {.loaded = false,
                           .generation = 4,
                           .problems = {{.file = "a.yaml",
                                         .line = 3,
                                         .column = 7,
                                         .code = "E0102",
                                         .severity = "error",
                                         .message = "unknown key",
                                         .hint = "did you mean",
                                         .text = "a.yaml:3:7: error",
                                         .page = "policies/diagnostics.md#e0102"}}};
  const Reply reply = daemon.ask("POST", "/v1/policies", R"({"files":[{"name":"a.yaml","text":"x"}]})");
  CHECK(reply.status == 400);
  CHECK(daemon.shared.calls_now() == std::vector<std::string>{"apply a.yaml=x"});
  const auto answer = decode_load(reply.body);
  REQUIRE(answer.has_value());
  CHECK_FALSE(answer->loaded);
  CHECK(answer->generation == 4);
  REQUIRE(answer->problems.size() == 1);
  CHECK(answer->problems[0].text == "a.yaml:3:7: error");
  CHECK(answer->problems[0].page == "policies/diagnostics.md#e0102");
  CHECK(answer->problems[0].column == 7);
}

TEST_CASE("guests_are_made_shown_and_removed") {
  FakeDaemon daemon;
  CHECK(daemon.ask("POST", "/v1/guests", R"({"name":"vm","memory_mib":512})").status == 201);
  CHECK(daemon.ask("POST", "/v1/guests/box/attach", R"({"netns":"/run/netns/box"})").status == 201);
  CHECK(daemon.ask("POST", "/v1/guests/box/attach", R"({"netns":"box"})").status == 400);
  const auto guests = decode_guests(daemon.ask("GET", "/v1/guests").body);
  REQUIRE(guests.has_value());
  CHECK(guests->size() == 2);
  const auto one = decode_guest(daemon.ask("GET", "/v1/guests/box").body);
  REQUIRE(one.has_value());
  CHECK(one->guest.kind == "attached");
  CHECK(one->guest.labels == Labels{{"role", "agent"}});
  CHECK(daemon.ask("DELETE", "/v1/guests/box").status == 200);
  CHECK(daemon.ask("DELETE", "/v1/guests/box").status == 404);
  CHECK(daemon.ask("GET", "/v1/guests/box").status == 404);
  CHECK(daemon.ask("GET", "/v1/guests/BOX").status == 400);
}

TEST_CASE("a_guest_s_authority_is_for_viewers_to_read") {
  FakeDaemon daemon;
  daemon.locked()->guests.push_back(guest_info("vm"));
  CHECK(daemon.ask("GET", "/v1/guests/vm/ca").status == 503);
  daemon.locked()->authority = authority_info();
  const auto read = decode_authority(daemon.ask("GET", "/v1/guests/vm/ca").body);
  REQUIRE(read.has_value());
  const AuthorityInfo sent = authority_info();
  CHECK(read->pem == sent.pem);
  CHECK(read->subject == sent.subject);
  CHECK(read->fingerprint == sent.fingerprint);
  CHECK(read->not_before == sent.not_before);
  CHECK(read->not_after == sent.not_after);
  CHECK(daemon.ask("GET", "/v1/guests/nobody/ca").status == 404);
  CHECK(daemon.ask("GET", "/v1/guests/VM/ca").status == 400);
  CHECK(daemon.ask("POST", "/v1/guests/vm/ca").status == 405);
  CHECK(decode_authority(R"({"api_version":"v1","ca":{"pem":"x"}})").error().code == Errc::kIo);
}

TEST_CASE("a_second_daemon_never_takes_a_socket_that_answers") {
  asio::io_context context;
  Shared shared;
  FakeBackend backend(shared, context);
  TemporaryFolder folder;
  const ServerOptions options{.socket_path = folder.file("s"), .groups = {}};
  auto first = Server::start(context, backend, options);
  REQUIRE(first.has_value());
  const auto second = Server::start(context, backend, options);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Errc::kConflict);
  (*first)->stop();
  CHECK_FALSE(std::filesystem::exists(options.socket_path));

  // What a daemon left that died is taken.
  const Fd dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, options.socket_path.data(), options.socket_path.size());
  REQUIRE(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(Server::start(context, backend, options).has_value());
  CHECK_FALSE(
      Server::start(context, backend, {.socket_path = folder.file(std::string(200, 'x')), .groups = {}}).has_value());
  context.poll();
}

TEST_CASE("the_client_says_when_nobody_answers") {
  const auto reply = Client("/nonexistent/sock").request("GET", "/", {}, Deadline::after(std::chrono::seconds(1)));
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code == Errc::kUnavailable);
}
