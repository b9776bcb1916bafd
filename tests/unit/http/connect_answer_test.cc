#include "http/connect_answer.h"

#include <doctest/doctest.h>

#include <string>

namespace enforcer::http {
namespace {

using State = ConnectAnswerReader::State;

struct Heard {
  State state = State::kMore;
  std::size_t consumed = 0;
  unsigned status = 0;
  friend bool operator==(const Heard&, const Heard&) = default;
};

Heard hear(std::string_view answer, std::size_t piece) {
  ConnectAnswerReader reader;
  Heard heard;
  while (heard.state == State::kMore && heard.consumed < answer.size()) {
    const auto progress = reader.feed(as_bytes(answer.substr(heard.consumed, piece)));
    heard.state = progress.state;
    heard.consumed += progress.consumed;
  }
  heard.status = reader.status();
  return heard;
}

std::string with_field_of(std::size_t octets) {
  return "HTTP/1.1 200 OK\r\nX: " + std::string(octets, 'x') + "\r\n\r\n";
}

TEST_CASE("an_answer_is_read_to_the_empty_line_and_not_an_octet_further") {
  const std::pair<std::string, unsigned> table[] = {
      {"HTTP/1.1 200 Connection established\r\n\r\n", 200},
      {"HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n", 200},
      {"HTTP/1.1 204\r\n\r\n", 204},
      {"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n", 200},  // RFC 9110 9.3.6: ignored
      {"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", 407},
      {"HTTP/1.1 503 \xc3\xa4\r\n\r\n", 503},
  };
  for (const auto& [head, status] : table) {
    CAPTURE(head);
    const Heard whole{State::kAnswered, head.size(), status};
    const std::string then = head + "SSH-2.0-OpenSSH_9.2p1\r\n\r\n";
    for (const std::size_t piece : {then.size(), std::size_t{1}, std::size_t{7}}) CHECK(hear(then, piece) == whole);
    for (std::size_t cut = 0; cut < head.size(); ++cut) CHECK(hear(head.substr(0, cut), cut + 1).state == State::kMore);
  }
}

TEST_CASE("only_2xx_is_connected") {
  for (const unsigned status : {100U, 101U, 199U, 200U, 299U, 300U, 407U, 599U}) {
    ConnectAnswerReader reader;
    const std::string head = "HTTP/1.1 " + std::to_string(status) + " x\r\n\r\n";
    REQUIRE(reader.feed(as_bytes(head)).state == State::kAnswered);
    CHECK(reader.connected() == (status / 100 == 2));
  }
}

TEST_CASE("what_is_no_answer_is_malformed") {
  for (const std::string& head :
       {std::string("SSH-2.0-OpenSSH_9.2p1\r\n\r\n"), std::string("HTTP/2 200 OK\r\n\r\n"),
        std::string("HTTP/1.1  200 OK\r\n\r\n"), std::string("HTTP/1.1 20 OK\r\n\r\n"),
        std::string("HTTP/1.1 2000 OK\r\n\r\n"), std::string("HTTP/1.1 99x OK\r\n\r\n"),
        std::string("HTTP/1.1 099 OK\r\n\r\n"), std::string("HTTP/1.1 600 OK\r\n\r\n"),
        std::string("http/1.1 200 OK\r\n\r\n"), std::string("HTTP/1.1 200 OK\n\n"),
        std::string("HTTP/1.1 200 OK\r\r\n"), std::string("HTTP/1.1 200 OK\r\n folded\r\n\r\n"),
        std::string("HTTP/1.1 200 O\0K\r\n\r\n", 20), std::string("\r\nHTTP/1.1 200 OK\r\n\r\n")}) {
    CAPTURE(head);
    CHECK(hear(head, head.size()).state == State::kMalformed);
    CHECK(hear(head, 1).state == State::kMalformed);
  }
}

TEST_CASE("a_head_has_16_kib_at_most") {
  const std::size_t room = ConnectAnswerReader::kMaxConnectHead - with_field_of(0).size();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1024}, std::size_t{1} << 20}) {
    CHECK(hear(with_field_of(room), piece) == Heard{State::kAnswered, ConnectAnswerReader::kMaxConnectHead, 200});
    CHECK(hear(with_field_of(room + 1), piece).state == State::kTooLarge);
    CHECK(hear(with_field_of(std::size_t{1} << 20), piece).state == State::kTooLarge);
    CHECK(hear(std::string(std::size_t{1} << 16, 'x'), piece).state == State::kTooLarge);
  }
  std::string fields = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 300; ++i) fields += "A: b\r\n";
  CHECK(hear(fields + "\r\n", 100).state == State::kTooLarge);
}

}  // namespace
}  // namespace enforcer::http
