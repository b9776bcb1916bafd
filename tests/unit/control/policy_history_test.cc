// Generations and texts over the control socket: what everybody may see, and what only an admin.
#include "control/policy_history.h"

#include <fmt/format.h>

#include "control/json.h"
#include "fake_daemon.h"

using namespace enforcer;
using namespace enforcer::control;
using namespace enforcer::control::testing;

namespace {

PolicyText object(std::string kind, std::string name) {
  return {.kind = std::move(kind), .name = std::move(name), .file = "/etc/p.yaml", .line = 7, .text = "# \xc3\xbc\n"};
}

void put_texts(FakeDaemon& daemon) {
  daemon.locked()->texts = {{5, {object("Policy", "a"), object("Guardrail", "a"), object("Credential", "c")}},
                            {3, {object("Policy", "old")}}};
}

}  // namespace

TEST_CASE("generations_come_back_as_they_were") {
  GenerationInfo kept{.first = 2,
                      .last = 4,
                      .time = WallClock::time_point(std::chrono::seconds(1'700'000'000)),
                      .cause = "rollback to 1",
                      .uid = 0,
                      .user = "root",
                      .digest = "ab",
                      .in_force = true,
                      .sources = {{.name = "/etc/p.yaml", .applied = true, .sha256 = "cd"}}};
  GenerationInfo start = kept;
  start.uid = std::nullopt;
  const auto back = decode_generations(encode_generations({kept, start}));
  REQUIRE(back.has_value());
  REQUIRE(back->size() == 2);
  CHECK((*back)[0].last == 4);
  CHECK((*back)[0].time == kept.time);
  CHECK((*back)[0].cause == "rollback to 1");
  CHECK((*back)[0].uid == uid_t{0});
  CHECK((*back)[0].in_force);
  CHECK((*back)[0].sources == kept.sources);
  CHECK_FALSE((*back)[1].uid.has_value());
  CHECK_FALSE(decode_generations(R"({"api_version":"v1","generations":[{"first":1}]})").has_value());
}

TEST_CASE("texts_of_a_name_leave_credentials_out") {
  FakeDaemon daemon;
  put_texts(daemon);
  const auto both = decode_texts(daemon.ask("GET", "/v1/policies/a").body);
  REQUIRE(both.has_value());
  CHECK(both->generation == 5);
  REQUIRE(both->objects.size() == 2);
  CHECK(both->objects[0].text == "# \xc3\xbc\n");
  CHECK(both->objects[0].line == 7);
  CHECK(daemon.ask("GET", "/v1/policies/c").status == 404);
  CHECK(daemon.ask("GET", "/v1/policies/old?generation=3").status == 200);
  CHECK(daemon.ask("GET", "/v1/policies/old?generation=4").status == 404);
  CHECK(daemon.ask("GET", "/v1/policies/old?generation=3x").status == 400);
  CHECK(decode_texts(daemon.ask("GET", "/v1/policy-texts").body)->objects.size() == 3);
}

TEST_CASE("a_rollback_names_a_number") {
  FakeDaemon daemon;
  CHECK(daemon.ask("POST", "/v1/generations/12/rollback").status == 200);
  CHECK(daemon.ask("POST", "/v1/generations/x/rollback").status == 400);
  CHECK(daemon.ask("POST", "/v1/generations/-1/rollback").status == 400);
  CHECK(daemon.ask("POST", "/v1/generations/18446744073709551616/rollback").status == 400);
  CHECK(daemon.shared.calls_now() == std::vector<std::string>{"roll back to 12 by " + std::to_string(getuid())});
}

TEST_CASE("viewers_see_generations_and_policies_and_change_nothing") {
  if (getuid() != 0) {
    fmt::print("SKIP: needs root to become others\n");
    return;
  }
  FakeDaemon daemon;
  put_texts(daemon);
  const SourceInfo policies{.name = "p.yaml", .sha256 = "aa"};
  const SourceInfo secret{.name = "c.yaml", .sha256 = "bb", .holds_credentials = true};
  daemon.locked()->generations = {{.first = 1, .last = 1, .digest = "d1", .sources = {policies, secret}},
                                  {.first = 2, .last = 2, .digest = "d2", .sources = {policies}}};
  as_user(4'200'001, 4'200'001, {kViewerGroup}, [&] {
    const auto seen = decode_generations(daemon.ask("GET", "/v1/generations").body);
    REQUIRE(seen.has_value());
    REQUIRE(seen->size() == 2);
    CHECK((*seen)[0].digest.empty());
    CHECK((*seen)[0].sources[0].sha256 == "aa");
    CHECK((*seen)[0].sources[1].sha256.empty());
    CHECK((*seen)[1].digest == "d2");  // nothing of it is for admins alone
    CHECK(daemon.ask("GET", "/v1/policies/a").status == 200);
    CHECK(daemon.ask("GET", "/v1/policy-texts").status == 403);
    CHECK(daemon.ask("POST", "/v1/generations/1/rollback").status == 403);
  });
  as_user(4'200'001, 4'200'001, {kAdminGroup}, [&] {
    CHECK(daemon.ask("GET", "/v1/policy-texts").status == 200);
    const auto seen = decode_generations(daemon.ask("GET", "/v1/generations").body);
    REQUIRE(seen.has_value());
    CHECK((*seen)[0].digest == "d1");
    CHECK((*seen)[0].sources[1].sha256 == "bb");
    CHECK(daemon.ask("POST", "/v1/generations/1/rollback").status == 200);
  });
}
