#include "credentials/vault_source.h"

#include <doctest/doctest.h>

#include "answers.h"
#include "toy_https.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

policy::CredentialSpec vault_spec(const std::string& token_file, const std::string& secret_id_file = {}) {
  auto made = spec("db", {.kind = policy::CredentialSpec::Source::Kind::kVault});
  made.source.vault = policy::VaultPlace{.address = url("https://ok.test:8200"),
                                         .path = "app/db",
                                         .token_file = token_file,
                                         .role_id = secret_id_file.empty() ? "" : "role-1",
                                         .secret_id_file = secret_id_file};
  return made;
}

Reply kv_reply(std::string_view value) {
  return reply(200, R"({"data":{"data":{"value":")" + std::string(value) + R"("},"metadata":{}}})");
}
Reply forbidden_reply() {
  return reply(403, R"({"errors":["permission denied"]})");
}

std::string read_once(Asking& asking, VaultSource& source, const policy::CredentialSpec& spec) {
  const auto value = asking.run(source.read(spec, Deadline::after(std::chrono::seconds(20))));
  if (value) {
    CHECK_FALSE(value->expires.has_value());
  } else {
    CHECK_FALSE(value.error().message.contains("hvs."));
    CHECK_FALSE(value.error().message.contains(kCanary));
  }
  return outcome_of(value);
}

/// A vault whose tokens of AppRole are hvs.1, hvs.2, ...; it accepts the last one only.
struct RoleVault {
  std::atomic<int> logins = 0;
  std::atomic<int> accepted = 0;  ///< number of the token that may read
  ToyHttps server{[this](const std::string& request) {
    if (request.starts_with("POST /v1/auth/approle/login ")) {
      if (!request.ends_with(R"({"role_id":"role-1","secret_id":"sid"})")) return reply(400, R"({"errors":["no"]})");
      accepted = ++logins;
      return reply(200, R"({"auth":{"lease_duration":600,"client_token":"hvs.)" + std::to_string(logins) + R"("}})");
    }
    const bool good = request.contains("X-Vault-Token: hvs." + std::to_string(accepted) + "\r\n");
    return good ? kv_reply("by-" + std::to_string(accepted)) : forbidden_reply();
  }};
};

}  // namespace

TEST_CASE("a_vault_is_asked_with_the_token_that_the_file_has_now") {
  ToyHttps server([](const std::string& request) {
    return request.contains("X-Vault-Token: hvs.good\r\n") ? kv_reply("p1") : forbidden_reply();
  });
  Asking asking(server);
  VaultSource source(asking.client);
  const auto spec = vault_spec(asking.scratch.write("token", "hvs.good\n"));
  CHECK(read_once(asking, source, spec) == "p1");
  CHECK(server.heard()[0].starts_with("GET /v1/secret/data/app/db HTTP/1.1\r\nHost: ok.test:8200\r\n"));
  asking.scratch.write("token", "hvs.old");
  CHECK(read_once(asking, source, spec) ==
        "error: ok.test:8200/v1/secret/data/app/db: it answered 403: permission denied");
  CHECK(server.connections() == 2);  // with a token of a file there is nothing to try again
  asking.scratch.write("token", "hvs.good");
  CHECK(read_once(asking, source, spec) == "p1");
  CHECK_FALSE(source.look(spec).has_value());
}

TEST_CASE("a_token_file_that_cannot_be_used_is_named_and_nobody_is_asked") {
  ToyHttps server([](const std::string&) { return kv_reply("p1"); });
  Asking asking(server);
  VaultSource source(asking.client);
  const auto missing = vault_spec(asking.scratch.file("none"));
  const auto value = asking.run(source.read(missing, Deadline::after(std::chrono::seconds(20))));
  REQUIRE_FALSE(value.has_value());
  CHECK(value.error().code == Errc::kUnavailable);  // not kNotFound: that would be the secret
  CHECK(value.error().message.contains(asking.scratch.file("none")));
  const auto open = vault_spec(asking.scratch.write("open", "hvs.good", 0644));
  CHECK(read_once(asking, source, open).contains("everybody can read it"));
  CHECK(server.connections() == 0);
}

TEST_CASE("an_app_role_logs_in_once_and_again_when_its_token_is_revoked") {
  RoleVault vault;
  Asking asking(vault.server);
  VaultSource source(asking.client);
  const auto spec = vault_spec("", asking.scratch.write("sid", "sid\n"));
  CHECK(read_once(asking, source, spec) == "by-1");
  CHECK(read_once(asking, source, spec) == "by-1");
  CHECK(vault.logins == 1);
  vault.accepted = 0;
  CHECK(read_once(asking, source, spec) == "by-2");
  CHECK(vault.logins == 2);
}

TEST_CASE("a_role_that_may_not_read_logs_in_once_more_and_no_more") {
  std::atomic<int> logins = 0;
  ToyHttps server([&](const std::string& request) {
    if (!request.starts_with("POST ")) return forbidden_reply();
    ++logins;
    return reply(200, R"({"auth":{"lease_duration":600,"client_token":"hvs.x"}})");
  });
  Asking asking(server);
  VaultSource source(asking.client);
  const auto spec = vault_spec("", asking.scratch.write("sid", "sid"));
  CHECK(read_once(asking, source, spec).ends_with("it answered 403: permission denied"));
  CHECK(logins == 1);
  CHECK(read_once(asking, source, spec).ends_with("it answered 403: permission denied"));
  CHECK(logins == 2);
}

TEST_CASE("a_login_that_fails_says_so") {
  ToyHttps server([](const std::string&) { return reply(400, R"({"errors":["invalid role or secret ID"]})"); });
  Asking asking(server);
  VaultSource source(asking.client);
  const auto spec = vault_spec("", asking.scratch.write("sid", kCanary));
  CHECK(read_once(asking, source, spec) ==
        "error: ok.test:8200: AppRole login: it answered 400: invalid role or secret ID");
}

TEST_CASE("a_secret_that_is_not_there_is_not_found") {
  ToyHttps server([](const std::string&) { return reply(404, R"({"errors":[]})"); });
  Asking asking(server);
  VaultSource source(asking.client);
  const auto spec = vault_spec(asking.scratch.write("token", "hvs.good"));
  const auto value = asking.run(source.read(spec, Deadline::after(std::chrono::seconds(20))));
  REQUIRE_FALSE(value.has_value());
  CHECK(value.error().code == Errc::kNotFound);
}

TEST_CASE("a_value_with_a_line_break_is_no_value") {
  ToyHttps server([](const std::string&) { return kv_reply("a\\nb"); });
  Asking asking(server);
  VaultSource source(asking.client);
  const auto spec = vault_spec(asking.scratch.write("token", "hvs.good"));
  CHECK(read_once(asking, source, spec).ends_with("the value has a line break inside"));
}
