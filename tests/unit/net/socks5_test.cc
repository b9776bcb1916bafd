#include "net/socks5.h"

#include <doctest/doctest.h>

#include <string>

namespace enforcer::net::socks5 {
namespace {

using Kind = ReplyReader::Kind;
using State = ReplyReader::State;
using namespace std::string_literals;

std::string text_of(const WipedBytes& message) {
  return {message.begin(), message.end()};
}

struct Outcome {
  State state = State::kMore;
  std::size_t consumed = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome at_once(Kind kind, std::string_view reply) {
  ReplyReader reader(kind);
  const auto progress = reader.feed(as_bytes(reply));
  return {progress.state, progress.consumed};
}

Outcome byte_by_byte(Kind kind, std::string_view reply) {
  ReplyReader reader(kind);
  Outcome outcome;
  while (outcome.state == State::kMore && outcome.consumed < reply.size()) {
    const auto progress = reader.feed(as_bytes(reply.substr(outcome.consumed, 1)));
    outcome.state = progress.state;
    outcome.consumed += progress.consumed;
  }
  return outcome;
}

TEST_CASE("messages_are_those_of_the_rfc") {
  CHECK(text_of(greeting(Login::kNone)) == "\x05\x01\x00"s);
  CHECK(text_of(greeting(Login::kPassword)) == "\x05\x01\x02"s);
  CHECK(text_of(password_message("bot", "pass word").value()) ==
        "\x01\x03"
        "bot\x09pass word"s);
  CHECK(text_of(connect_message(*HostName::parse("ok.test"), kHttpsPort)) == "\x05\x01\x00\x03\x07ok.test\x01\xbb"s);
  CHECK(text_of(connect_message(*IpAddress::parse("192.0.2.7"), Port{5432})) ==
        "\x05\x01\x00\x01\xc0\x00\x02\x07\x15\x38"s);
  CHECK(text_of(connect_message(*IpAddress::parse("2001:db8::1"), Port{22})) ==
        "\x05\x01\x00\x04\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01\x00\x16"s);
}

TEST_CASE("a_login_that_does_not_fit_is_refused_without_being_repeated") {
  const std::string longest(255, 'x');
  CHECK(password_message(longest, longest).has_value());
  for (const auto& [user, password] :
       {std::pair(""s, "s3cret"s), std::pair("u"s, ""s), std::pair("u"s, longest + "x")}) {
    const auto message = password_message(user, password);
    REQUIRE_FALSE(message.has_value());
    CHECK(message.error().message == "user name and password for SOCKS have 1 to 255 octets each");
  }
}

TEST_CASE("a_reply_is_read_to_its_end_and_not_an_octet_further") {
  const std::string banner = "SSH-2.0-OpenSSH\r\n";
  struct {
    Kind kind;
    std::string reply;
  } const table[] = {
      {Kind::kMethod, "\x05\x00"s},
      {Kind::kPassword, "\x05\x02"s},
      {Kind::kLogin, "\x01\x00"s},
      {Kind::kConnect, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"s},
      {Kind::kConnect, "\x05\x00\x00\x04"s + std::string(18, '\x05')},
      {Kind::kConnect, "\x05\x00\x00\x03\x00\x01\xbb"s},
      {Kind::kConnect, "\x05\x00\x00\x03\x04"s + "name\x01\xbb"s},
      {Kind::kConnect, "\x05\x00\x00\x03\xff"s + std::string(257, 'x')},
  };
  for (const auto& row : table) {
    const Outcome whole{State::kGranted, row.reply.size()};
    CHECK(at_once(row.kind, row.reply) == whole);
    CHECK(at_once(row.kind, row.reply + banner) == whole);
    CHECK(byte_by_byte(row.kind, row.reply + banner) == whole);
    for (std::size_t cut = 0; cut < row.reply.size(); ++cut) {
      CHECK(at_once(row.kind, row.reply.substr(0, cut)) == Outcome{State::kMore, cut});
    }
  }
}

TEST_CASE("a_refusal_says_its_code") {
  struct {
    Kind kind;
    std::string reply;
    unsigned code;
  } const table[] = {
      {Kind::kMethod, "\x05\xff"s, 0xff}, {Kind::kPassword, "\x05\xff"s, 0xff},
      {Kind::kLogin, "\x01\x01"s, 1},     {Kind::kConnect, "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"s, 2},
      {Kind::kConnect, "\x05\x05"s, 5},
  };
  for (const auto& row : table) {
    ReplyReader reader(row.kind);
    CHECK(reader.feed(as_bytes(row.reply)).state == State::kRefused);
    CHECK(reader.code() == row.code);
    CHECK(byte_by_byte(row.kind, row.reply).state == State::kRefused);
  }
}

TEST_CASE("what_is_no_reply_is_malformed_at_once") {
  const std::pair<Kind, std::string> table[] = {
      {Kind::kMethod, "\x04"s},
      {Kind::kMethod, "HTTP/1.1 400 Bad Request\r\n"s},
      {Kind::kMethod, "\x05\x02"s},    // a method that was not offered
      {Kind::kPassword, "\x05\x00"s},  // likewise
      {Kind::kPassword, "\x05\x01"s},
      {Kind::kLogin, "\x05\x00"s},
      {Kind::kConnect, "\x01\x00"s},
      {Kind::kConnect, "\x05\x00\x01\x01"s},  // RSV
      {Kind::kConnect, "\x05\x00\x00\x02"s},  // no form of an address
      {Kind::kConnect, "\x05\x00\x00\x00"s},
  };
  for (const auto& [kind, reply] : table) {
    CHECK(at_once(kind, reply).state == State::kMalformed);
    CHECK(byte_by_byte(kind, reply).state == State::kMalformed);
  }
}

}  // namespace
}  // namespace enforcer::net::socks5
