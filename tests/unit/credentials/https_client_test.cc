#include "credentials/https_client.h"

#include <doctest/doctest.h>

#include <boost/asio/steady_timer.hpp>

#include "answers.h"
#include "toy_https.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;
using namespace std::chrono_literals;

namespace {

HttpsRequest question(std::string_view to = "https://ok.test/token") {
  auto request = HttpsRequest::make("POST", url(to)).value();
  request.add_secret("Authorization", "Bearer " + std::string(kCanary));
  request.set_body("a=b", kFormType);
  request.confidential = kCanary;
  return request;
}

/// The answer to one question, or "error: ...", of a server that says this.
std::string asked_of(Reply said, std::chrono::milliseconds patience = 20s) {
  ToyHttps server([said = std::move(said)](const std::string&) { return said; });
  const auto answer = Asking(server).ask(question(), patience);
  if (answer) return std::to_string(answer->status) + " " + std::string(answer->body);
  CHECK_FALSE(answer.error().message.contains(kCanary));
  return "error: " + answer.error().message;
}

}  // namespace

TEST_CASE("a_question_is_asked_and_answered_over_verified_tls") {
  ToyHttps server([](const std::string&) { return reply(200, "hello"); });
  Asking asking(server);
  const auto answer = asking.ask(question("https://ok.test:8200/token"));
  REQUIRE(answer.has_value());
  CHECK(answer->status == 200);
  CHECK(answer->body == "hello");
  CHECK(answer->confidential == kCanary);
  CHECK(asking.connector.asked == "ok.test:8200");
  REQUIRE(server.heard().size() == 1);
  CHECK(server.heard()[0] ==
        "POST /token HTTP/1.1\r\nHost: ok.test:8200\r\nAuthorization: Bearer S3CR3T-CANARY\r\nContent-Type: "
        "application/x-www-form-urlencoded\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=b");
}

TEST_CASE("every_question_has_a_connection_of_its_own") {
  ToyHttps server([](const std::string&) { return reply(200, "hello"); });
  Asking asking(server);
  CHECK(asking.ask(question()).has_value());
  CHECK(asking.ask(question()).has_value());
  CHECK(server.connections() == 2);
}

TEST_CASE("nothing_is_sent_to_a_server_that_is_not_the_name_or_not_trusted") {
  ToyHttps other([](const std::string&) { return reply(200, "hello"); }, "other.test");
  const auto wrong_name = Asking(other).ask(question());
  REQUIRE_FALSE(wrong_name.has_value());
  CHECK(wrong_name.error().code == Errc::kUnavailable);
  CHECK(wrong_name.error().message.starts_with("ok.test: no TLS (certificate_wrong_name): "));
  CHECK(Asking(other).ask(question("https://other.test/")).has_value());
  CHECK(other.heard().size() == 1);

  ToyHttps server([](const std::string&) { return reply(200, "hello"); });
  const auto stranger = Asking(server.port(), tls::test::pem_of(other.authority)).ask(question());
  REQUIRE_FALSE(stranger.has_value());
  CHECK(stranger.error().code == Errc::kUnavailable);
  CHECK(stranger.error().message.starts_with("ok.test: no TLS (certificate_"));
  CHECK(server.heard().empty());
}

TEST_CASE("a_redirect_is_an_answer_and_is_not_followed") {
  ToyHttps server([](const std::string&) {
    return Reply{"HTTP/1.1 307 X\r\nLocation: https://ok.test/other\r\nContent-Length: 0\r\n\r\n"};
  });
  const auto answer = Asking(server).ask(question());
  REQUIRE(answer.has_value());
  CHECK(answer->status == 307);
  CHECK(server.connections() == 1);
}

TEST_CASE("bodies_come_by_length_in_chunks_and_until_the_end") {
  CHECK(asked_of(reply(200, std::string(65'536, 'x'))) == "200 " + std::string(65'536, 'x'));
  CHECK(asked_of({"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"}) ==
        "200 hello");
  CHECK(asked_of({"HTTP/1.1 200 X\r\n\r\nhello"}) == "200 hello");
  CHECK(asked_of({"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nok"}) == "200 ok");
  // It is whole: how the connection ends is of no interest.
  Reply truncated = reply(200, "hello");
  truncated.end = Reply::End::kTruncated;
  CHECK(asked_of(truncated) == "200 hello");
  Reply kept = reply(200, "hello");
  kept.end = Reply::End::kSilent;
  CHECK(asked_of(kept) == "200 hello");
}

TEST_CASE("an_answer_that_is_too_large_or_ends_early_is_none") {
  CHECK(asked_of(reply(200, std::string(65'537, 'x'))) ==
        "error: ok.test: its answer cannot be used: it has more than 65536 bytes");
  CHECK(asked_of({"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhello"}) ==
        "error: ok.test: its answer cannot be used: it ends in the middle");
  CHECK(asked_of({"HTTP/1.1 200 X\r\nContent-Le"}) ==
        "error: ok.test: its answer cannot be used: it ends in the middle");
  // Without close_notify somebody else may have ended it.
  CHECK(asked_of({"HTTP/1.1 200 X\r\n\r\nhello", Reply::End::kTruncated}).starts_with("error: ok.test: cannot read"));
  CHECK(asked_of({"", Reply::End::kOrderly}) == "error: ok.test: its answer cannot be used: it ends in the middle");
  CHECK(asked_of({"S3CR3T-CANARY\r\n\r\n"}).starts_with("error: ok.test: its answer cannot be used: "));
}

TEST_CASE("a_slow_server_costs_no_more_than_the_deadline") {
  const auto start = Monotonic::now();
  CHECK(asked_of({"HTTP/1.1 200 X\r\n", Reply::End::kSilent}, 300ms) ==
        "error: ok.test: cannot read its answer: no answer in time");
  CHECK(Monotonic::now() - start < 10s);

  ToyHttps server([](const std::string&) { return Reply{"", Reply::End::kSilent}; });
  const auto answer = Asking(server).ask(question(), 300ms);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == Errc::kTimeout);
}

TEST_CASE("a_server_that_never_shakes_hands_is_given_up") {
  const Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const std::string trusted = tls::test::pem_of(tls::test::certify_authority("trusted"));
  const Port port{ntohs(address.sin_port)};
  const auto refused = Asking(port, trusted).ask(question());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::kUnavailable);
  CHECK(refused.error().message.starts_with("ok.test: cannot connect: "));
  REQUIRE(listen(listener.get(), 4) == 0);
  const auto silent = Asking(port, trusted).ask(question(), 300ms);
  REQUIRE_FALSE(silent.has_value());
  CHECK(silent.error().code == Errc::kTimeout);
  CHECK(silent.error().message == "ok.test: no TLS (connection): no answer in time");
}

TEST_CASE("a_client_that_stops_ends_what_is_under_way_and_asks_nothing_more") {
  ToyHttps server([](const std::string&) { return Reply{"", Reply::End::kSilent}; });
  Asking asking(server);
  boost::asio::steady_timer soon(asking.io, 200ms);
  soon.async_wait([&](const boost::system::error_code&) { asking.client.stop(); });
  const auto start = Monotonic::now();
  const auto answer = asking.ask(question());
  CHECK(Monotonic::now() - start < 10s);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == Errc::kUnavailable);
  CHECK(server.heard().size() == 1);
  CHECK(asking.connector.stopped);
  CHECK(asking.ask(question()).error().message == "ok.test: enforcerd ends");
  CHECK(server.heard().size() == 1);
}

TEST_CASE("a_field_with_a_line_break_is_not_sent") {
  ToyHttps server([](const std::string&) { return reply(200, "hello"); });
  for (const std::string_view value : {"S3CR3T-CANARY\r\nX: y", "S3CR3T-CANARY\n", "S3CR3T-CANARY\xff"}) {
    auto request = question();
    request.add_secret("X-Vault-Token", std::string(value));
    const auto answer = Asking(server).ask(std::move(request));
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::kInvalid);
    CHECK(answer.error().message == "ok.test: what goes into the header 'X-Vault-Token' is not visible ASCII");
  }
  CHECK(server.connections() == 0);
}
