#include "credentials/token_exchange.h"

#include <doctest/doctest.h>

#include "answers.h"
#include "rsa_keys.h"
#include "toy_https.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

using Grant = policy::Oauth2Exchange::Grant;

Result<> no_signer(HttpsRequest&, std::string_view, const Secret&, WallClock::time_point) {
  return fail(Errc::kInvalid, "nothing is to be signed");
}

struct Minting {
  explicit Minting(ToyHttps& server, TokenExchange::Signer signer = no_signer)
      : asking(server), exchange(asking.client, std::move(signer)) {}

  Result<TokenExchange::Minted> mint(policy::CredentialExchange what, std::string_view base) {
    return asking.run(
        exchange.mint("bot", std::move(what), std::make_shared<const Secret>(secret_of_text(base)),
                      GuestIdentity{.name = GuestName::parse("agent").value(), .epoch = Epoch{7}, .labels = {}},
                      Deadline::after(std::chrono::seconds(20))));
  }
  /// The value, and ">" with the next base where there is one.
  std::string minted(policy::CredentialExchange what, std::string_view base) {
    const auto made = mint(std::move(what), base);
    if (!made) {
      CHECK_FALSE(made.error().message.contains(base));
      return "error: " + made.error().message;
    }
    return std::string(made->value.secret->reveal()) +
           (made->next_base ? ">" + std::string(made->next_base->reveal()) : "");
  }

  Asking asking;
  TokenExchange exchange;
};

policy::Oauth2Exchange oauth2_by(Grant grant, std::string client = "client") {
  return {.grant = grant, .token_url = url("https://ok.test/token"), .client_id = std::move(client)};
}

/// An authorization server that takes each refresh token once: rt-1 gives at-1 and rt-2, and so on.
struct RotatingServer {
  std::atomic<int> next = 1;
  ToyHttps server{[this](const std::string& request) {
    const int number = next;
    if (!request.contains("refresh_token=rt-" + std::to_string(number) + "&")) {
      return reply(400, R"({"error":"invalid_grant"})");
    }
    next = number + 1;
    return reply(200, R"({"access_token":"at-)" + std::to_string(number) +
                          R"(","token_type":"bearer","expires_in":60,"refresh_token":"rt-)" +
                          std::to_string(number + 1) + R"("})");
  }};
};

}  // namespace

TEST_CASE("a_client_secret_is_exchanged_for_a_token") {
  ToyHttps server([](const std::string&) {
    return reply(200, R"({"access_token":"at","token_type":"bearer","expires_in":3600})");
  });
  Minting minting(server);
  const auto made = minting.mint(oauth2_by(Grant::kClientCredentials), "client-secret");
  REQUIRE(made.has_value());
  CHECK(made->value.secret->reveal() == "at");
  REQUIRE(made->value.expires.has_value());
  const auto left = *made->value.expires - WallClock::now();
  CHECK(left <= std::chrono::hours(1));
  CHECK(left > std::chrono::minutes(59));
  CHECK(made->next_base == nullptr);
  CHECK(server.heard()[0].starts_with("POST /token HTTP/1.1\r\nHost: ok.test\r\n"));
}

TEST_CASE("a_refresh_token_that_was_replaced_is_not_used_again") {
  RotatingServer rotating;
  Minting minting(rotating.server);
  const auto by = oauth2_by(Grant::kRefreshToken);
  CHECK(minting.minted(by, "rt-1") == "at-1>rt-2");
  CHECK(minting.minted(by, "rt-1") == "at-2>rt-3");
  CHECK(minting.minted(by, "rt-3") == "at-3>rt-4");  // the source was updated meanwhile
  CHECK(minting.minted(by, "rt-3") == "at-4>rt-5");
}

TEST_CASE("a_refresh_token_of_one_server_or_client_does_not_go_to_another") {
  RotatingServer rotating;
  Minting minting(rotating.server);
  CHECK(minting.minted(oauth2_by(Grant::kRefreshToken), "rt-1") == "at-1>rt-2");
  CHECK(minting.minted(oauth2_by(Grant::kRefreshToken, "other"), "rt-1") ==
        "error: ok.test: it answered 400: invalid_grant");
  CHECK(rotating.server.heard()[1].contains("refresh_token=rt-1&client_id=other"));
}

TEST_CASE("a_replaced_refresh_token_that_is_refused_gives_way_to_the_sources") {
  RotatingServer rotating;
  Minting minting(rotating.server);
  const auto by = oauth2_by(Grant::kRefreshToken);
  CHECK(minting.minted(by, "rt-1") == "at-1>rt-2");
  rotating.next = 1;  // as if the operator had allowed the first one again
  const auto refused = minting.mint(by, "rt-1");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::kDenied);
  CHECK(minting.minted(by, "rt-1") == "at-1>rt-2");
}

TEST_CASE("a_failing_server_does_not_lose_the_replaced_refresh_token") {
  std::atomic<bool> down = false;
  ToyHttps server([&](const std::string& request) {
    if (down) return reply(503, "");
    return request.contains("=rt-1&")
               ? reply(200, R"({"access_token":"a","token_type":"bearer","refresh_token":"rt-2"})")
               : reply(200, R"({"access_token":"b","token_type":"bearer"})");
  });
  Minting minting(server);
  const auto by = oauth2_by(Grant::kRefreshToken);
  CHECK(minting.minted(by, "rt-1") == "a>rt-2");
  down = true;
  CHECK(minting.minted(by, "rt-1") == "error: ok.test: it answered 503");
  down = false;
  CHECK(minting.minted(by, "rt-1") == "b");
  CHECK(server.heard().back().contains("refresh_token=rt-2&"));
}

TEST_CASE("an_apps_key_is_exchanged_for_an_installation_token") {
  ToyHttps server(
      [](const std::string&) { return reply(201, R"({"token":"ghs_x","expires_at":"2199-01-01T00:00:00Z"})"); });
  Minting minting(server);
  const policy::GithubAppExchange app{.api = url("https://ok.test/api/v3"), .app = "1", .installation = "2"};
  CHECK(minting.minted(app, pem_of_key(rfc7515_key().get())) == "ghs_x");
  CHECK(server.heard()[0].starts_with("POST /api/v3/app/installations/2/access_tokens HTTP/1.1\r\n"));
  CHECK(minting.minted(app, "no key") == "error: not a private key in PEM: it does not begin with -----BEGIN");
  CHECK(server.connections() == 1);
}

TEST_CASE("keys_are_exchanged_for_those_of_a_session_by_a_signed_request") {
  ToyHttps server([](const std::string& request) {
    if (!request.contains("\r\nAuthorization: signed for eu-west-1\r\n")) return reply(403, "{}");
    return reply(200, R"({"AssumeRoleResponse":{"AssumeRoleResult":{"Credentials":{"AccessKeyId":"A","SecretAccessKey":
      "S","SessionToken":"T","Expiration":7000000000}}}})");
  });
  const auto sign = [](HttpsRequest& request, std::string_view region, const Secret& keys,
                       WallClock::time_point) -> Result<> {
    CHECK(keys.reveal() == "ID\nSECRET");
    CHECK(std::string_view(request.body).contains("RoleSessionName=s-agent&"));
    request.add_secret("Authorization", "signed for " + std::string(region));
    return {};
  };
  const policy::AssumeRoleExchange role{
      .sts = url("https://ok.test"), .region = "eu-west-1", .role = "arn", .session_name = "s-{guest}"};
  Minting minting(server, sign);
  CHECK(minting.minted(role, "ID\nSECRET") == "A\nS\nT");
  Minting unsigned_one(server);
  CHECK(unsigned_one.minted(role, "ID\nSECRET") == "error: nothing is to be signed");
  CHECK(server.connections() == 1);
}
