// The keyring over a token server: what is minted of a source's value is what requests get, and what a renewal is
// about.
#include <sys/wait.h>

#include "answers.h"
#include "credentials/aws_keys.h"
#include "credentials/keyring.h"
#include "toy_https.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

/// A server that gives at-1, at-2 and so on, or at-1 for ever; keys of a role with numbers, too.
struct NumberingServer {
  std::atomic<int> number = 1;
  std::atomic<bool> counts = true;
  std::atomic<bool> refuses = false;
  ToyHttps server{[this](const std::string& request) {
    if (refuses) return reply(400, R"({"error":"invalid_client"})");
    const std::string now = std::to_string(counts ? number++ : number.load());
    if (!request.contains("Action=AssumeRole")) {
      return reply(200, R"({"access_token":"at-)" + now + R"(","token_type":"bearer","expires_in":3600})");
    }
    return reply(200, R"({"AssumeRoleResponse":{"AssumeRoleResult":{"Credentials":{"AccessKeyId":"ASIA)" + now +
                          R"(","SecretAccessKey":"s)" + now + R"(","SessionToken":"t","Expiration":4102444800}}}})");
  }};
};

struct ExchangeRig {
  explicit ExchangeRig(ToyHttps& server) : asking(server) {
    auto helper = Helper::start([]() -> Result<std::vector<ExecSource>> { return std::vector<ExecSource>(); },
                                {.deadline = std::chrono::seconds(5)});
    REQUIRE(helper.has_value());
    helper_pid = helper->pid();
    keyring.emplace(asking.io, asking.client, Folders{.store = asking.scratch.file("store")}, Environment::take({}),
                    *std::move(helper));
  }
  ~ExchangeRig() {
    keyring.reset();
    waitpid(helper_pid, nullptr, 0);
  }
  ExchangeRig(const ExchangeRig&) = delete;
  ExchangeRig& operator=(const ExchangeRig&) = delete;

  std::string leased(const policy::CredentialSpec& of, const char* guest = "agent") {
    const GuestIdentity identity{.name = GuestName::parse(guest).value(), .epoch = Epoch{7}, .labels = {}};
    const auto lease = asking.run(keyring->lease_of(of, identity, Deadline::after(std::chrono::seconds(20))));
    return lease ? std::string(lease->value->reveal()) : "error: " + lease.error().message;
  }
  std::string renewed(const policy::CredentialSpec& of) {
    const auto renewal = asking.run(keyring->renew(of, Deadline::after(std::chrono::seconds(20))));
    return !renewal ? "error: " + renewal.error().message : renewal->changed ? "another" : "the same";
  }

  Asking asking;
  pid_t helper_pid = 0;
  std::optional<Keyring> keyring;
};

policy::CredentialSpec oauth2_spec(const std::string& path) {
  auto made = file_spec(path);
  made.exchange = policy::Oauth2Exchange{.grant = policy::Oauth2Exchange::Grant::kClientCredentials,
                                         .token_url = url("https://ok.test/token"),
                                         .client_id = "client"};
  return made;
}

}  // namespace

TEST_CASE("a_renewal_is_about_the_token_and_not_about_what_it_is_made_of") {
  NumberingServer numbering;
  ExchangeRig rig(numbering.server);
  const auto bot = oauth2_spec(rig.asking.scratch.write("secret", "client-secret"));
  CHECK(rig.leased(bot) == "at-1");
  CHECK(rig.renewed(bot) == "another");  // the source gives the same
  CHECK(rig.leased(bot) == "at-2");      // it was minted already
  numbering.counts = false;
  numbering.number = 2;
  rig.asking.scratch.write("secret", "another-secret");
  CHECK(rig.renewed(bot) == "the same");  // the source does not
  CHECK(rig.leased(bot) == "at-2");
  const auto renewal = rig.asking.run(rig.keyring->renew(bot, Deadline::after(std::chrono::seconds(20))));
  REQUIRE(renewal.has_value());
  REQUIRE(renewal->expires.has_value());
  CHECK(*renewal->expires > WallClock::now() + std::chrono::minutes(50));
  numbering.refuses = true;
  CHECK(rig.renewed(bot).contains("ok.test"));
  CHECK(rig.leased(bot).starts_with("error: "));  // what was there before is not used any more
}

TEST_CASE("keys_of_a_role_are_renewed_for_each_guest_when_it_asks") {
  NumberingServer numbering;
  ExchangeRig rig(numbering.server);
  auto bot = file_spec(rig.asking.scratch.write("secret", "AKIA\nbase"));
  bot.inject.push_back({.as = policy::CredentialSpec::Injection::As::kSigV4});
  bot.exchange = policy::AssumeRoleExchange{.sts = url("https://ok.test/"),
                                            .region = "us-east-1",
                                            .role = "arn:aws:iam::123456789012:role/agent",
                                            .session_name = "agent-{guest}"};
  CHECK(rig.leased(bot, "g1") == "ASIA1\ns1\nt");
  CHECK(rig.leased(bot, "g2") == "ASIA2\ns2\nt");
  CHECK(rig.leased(bot, "g1") == "ASIA1\ns1\nt");
  CHECK(rig.renewed(bot) == "another");
  CHECK(numbering.server.heard().size() == 2);  // nobody has asked for others yet
  CHECK(rig.leased(bot, "g1") == "ASIA3\ns3\nt");
  std::filesystem::remove(rig.asking.scratch.file("secret"));
  CHECK(rig.renewed(bot).contains("no such file"));
  CHECK(rig.leased(bot, "g1").starts_with("error: "));
}
