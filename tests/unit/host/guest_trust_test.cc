// What a guest does with the certificate that the host names.
#include "booted_guest.h"

namespace enforcer::host {
namespace {

using hostproto::FrameType;

TEST_CASE("host_s_authority_is_trusted_once_it_was_named") {
  Guest* g = guest();
  if (!g) return;
  REQUIRE(g->authority.made);
  const std::string serve =
      "cat >/tmp/server.pem; openssl s_server -quiet -accept 443 -cert /tmp/server.pem -www >/dev/null 2>&1 & "
      "for i in $(seq 100); do curl -sk -o /dev/null https://localhost/ && exit 0; sleep 0.1; done; exit 1";
  REQUIRE(g->exec->run("(" + serve + ")", g->authority.server).result == R"({"exit":0})");
  const std::string curl = "curl -sS -o /dev/null https://localhost/";
  const std::string openssl = "openssl s_client -connect localhost:443 -verify_return_error </dev/null >/dev/null 2>&1";
  const std::string wget = "wget -q -O /dev/null https://localhost/";
  CHECK(g->exec->run(curl).result == R"({"exit":60})");  // CURLE_PEER_FAILED_VERIFICATION
  CHECK(g->exec->run(openssl).result == R"({"exit":1})");
  CHECK(g->exec->run(wget).result == R"({"exit":1})");
  CHECK(g->exec->run("ls /usr/local/share/ca-certificates; env | grep -c _CA").out == "0\n");

  g->exec->send(FrameType::kTrust, g->authority.certificate);
  for (const std::string& client : {curl, openssl, wget}) {
    CAPTURE(client);
    CHECK(g->exec->run(client).result == R"({"exit":0})");
    CHECK(g->exec->run("exec env -i " + client).result == R"({"exit":0})");  // by the system's bundle alone
  }
  CHECK(g->exec->run("cat /usr/local/share/ca-certificates/enforcer.crt").out == g->authority.certificate);
}

TEST_CASE("every_command_is_told_where_the_certificates_are_unless_it_says_so_itself") {
  Guest* g = guest();
  if (!g) return;
  g->exec->send(FrameType::kTrust, g->authority.certificate);
  const std::string bundle = "/etc/ssl/certs/ca-certificates.crt";
  CHECK(
      g->exec->run("echo $SSL_CERT_FILE $REQUESTS_CA_BUNDLE $CURL_CA_BUNDLE $GIT_SSL_CAINFO $CARGO_HTTP_CAINFO").out ==
      fmt::format("{0} {0} {0} {0} {0}\n", bundle));
  CHECK(g->exec->run("echo $NODE_EXTRA_CA_CERTS").out == "/usr/local/share/ca-certificates/enforcer.crt\n");
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"({"argv":["sh","-c","echo $SSL_CERT_FILE $CURL_CA_BUNDLE"],)"
                                  R"("env":{"SSL_CERT_FILE":"/mine"}})");
  CHECK(g->exec->finish().out == "/mine " + bundle + "\n");
}

TEST_CASE("last_authority_wins_and_the_image_s_own_stay") {
  Guest* g = guest();
  if (!g) return;
  const std::string count = "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt";
  const std::string of_image = g->exec->run("grep -c BEGIN /usr/share/enforcer/ca-certificates.crt").out;
  const std::string one_more = fmt::format("{}\n", std::strtol(of_image.c_str(), nullptr, 10) + 1);
  REQUIRE(of_image.size() > 2);
  for (const Authority* authority : {&g->authority, &g->another, &g->another, &g->authority, &g->another}) {
    g->exec->send(FrameType::kTrust, authority->certificate);
    CHECK(g->exec->run(count).out == one_more);
    const auto bundle = g->exec->run("cat /etc/ssl/certs/ca-certificates.crt").out;
    CHECK(bundle.ends_with("\n" + authority->certificate));
  }
  CHECK(g->exec->run("curl -sS -o /dev/null https://localhost/").result == R"({"exit":60})");
}

TEST_CASE("what_is_no_certificate_changes_nothing_and_init_lives_on") {
  Guest* g = guest();
  if (!g) return;
  g->exec->send(FrameType::kTrust, g->authority.certificate);
  const std::string digest =
      "cat /usr/local/share/ca-certificates/enforcer.crt /etc/ssl/certs/ca-certificates.crt | md5sum";
  const std::string before = g->exec->run(digest).out;
  const std::string& good = g->another.certificate;
  const std::string malformed[] = {"",
                                   "\n\n",
                                   "not a certificate",
                                   std::string(hostproto::kMaxFramePayload, '\0'),
                                   std::string(hostproto::kMaxFramePayload, '-'),
                                   g->another.key,
                                   good + g->another.key,
                                   good + "and more",
                                   "subject=CN = another\n" + good,
                                   good.substr(0, good.size() / 2),
                                   good.substr(good.size() / 2),
                                   "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
                                   "-----BEGIN CERTIFICATE-----\n$(reboot)\n-----END CERTIFICATE-----\n"};
  for (const std::string& payload : malformed) {
    CAPTURE(payload.substr(0, 80));
    g->exec->send(FrameType::kTrust, payload);
    CHECK(g->exec->run(digest).out == before);
  }
  g->exec->send(FrameType::kTrust, good);
  CHECK(g->exec->run("cat /usr/local/share/ca-certificates/enforcer.crt").out == good);
}

}  // namespace
}  // namespace enforcer::host
