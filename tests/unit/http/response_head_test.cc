#include "http/response_head.h"

#include <doctest/doctest.h>

using namespace enforcer;
using namespace enforcer::http;

namespace {

using Kind = BodyFraming::Kind;

ResponseOutcome read_response(std::string_view wire, std::string_view method = "GET") {
  ResponseHeadReader reader(method);
  return reader.read(as_bytes(wire));
}

std::optional<ResponseHead> parsed_response(std::string_view wire, std::string_view method = "GET") {
  const auto outcome = read_response(wire, method);
  ResponseHeadReader dripped(method);
  for (std::size_t size = 1; size <= wire.size(); ++size) {
    const auto piece = dripped.read(as_bytes(wire.substr(0, size)));
    if (std::holds_alternative<ResponseIncomplete>(piece)) continue;
    CHECK(piece.index() == outcome.index());
    break;
  }
  if (const auto* head = std::get_if<ResponseHead>(&outcome)) return *head;
  return std::nullopt;
}

bool refused_response(std::string_view wire, std::string_view method = "GET") {
  return std::holds_alternative<ResponseMalformed>(read_response(wire, method));
}

std::string ok_with(std::string_view lines) {
  return "HTTP/1.1 200 OK\r\n" + std::string(lines) + "\r\n";
}

}  // namespace

TEST_CASE("reads_a_response_and_says_where_its_body_begins") {
  const std::string wire = ok_with("Content-Length: 5\r\nServer: x\r\n") + "hello";
  ResponseHeadReader reader("GET");
  const auto outcome = reader.read(as_bytes(wire));
  REQUIRE(std::holds_alternative<ResponseHead>(outcome));
  const auto& head = std::get<ResponseHead>(outcome);
  CHECK(head.status == 200);
  CHECK(head.phrase == "OK");
  CHECK(head.body == BodyFraming{Kind::kLength, 5});
  CHECK(head.connection == Connection::kKeepAlive);
  CHECK(reader.head_size() == wire.size() - 5);
  CHECK(std::holds_alternative<ResponseIncomplete>(read_response("HTTP/1.1 200 OK\r\nServer: x\r\n")));
}

TEST_CASE("a_phrase_that_is_missing_is_the_registered_one") {
  CHECK(parsed_response("HTTP/1.1 200 \r\n\r\n")->phrase == "OK");
  CHECK(parsed_response("HTTP/1.1 404 \r\n\r\n")->phrase == "Not Found");
  CHECK(parsed_response("HTTP/1.1 299 \r\n\r\n")->phrase.empty());
  CHECK(parsed_response("HTTP/1.1 200 Fine\r\n\r\n")->phrase == "Fine");
}

TEST_CASE("the_length_of_a_response_follows_rfc_9112") {
  CHECK(parsed_response(ok_with("Transfer-Encoding: chunked\r\n"))->body.kind == Kind::kChunked);
  CHECK(parsed_response(ok_with(""))->body.kind == Kind::kUntilClose);
  CHECK(parsed_response(ok_with(""))->connection == Connection::kClose);
  CHECK(parsed_response(ok_with("Content-Length: 0\r\n"))->body == BodyFraming{Kind::kLength, 0});
  CHECK(parsed_response("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n")->connection == Connection::kClose);
  CHECK(parsed_response(ok_with("Connection: close\r\nContent-Length: 1\r\n"))->connection == Connection::kClose);
  for (const char* status : {"100 Continue", "103 Early Hints", "204 No Content", "304 Not Modified"}) {
    CAPTURE(status);
    CHECK(parsed_response("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 7\r\n\r\n")->body.kind ==
          Kind::kNone);
  }
  CHECK(parsed_response("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n")->announced == 7u);
  const auto to_head = parsed_response(ok_with("Content-Length: 7\r\n"), "HEAD");
  CHECK(to_head->body.kind == Kind::kNone);
  CHECK(to_head->announced == 7u);
  CHECK(serialise(*to_head, Version::kHttp11, Connection::kKeepAlive) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
}

TEST_CASE("invariant_7_refuses_responses_that_parsers_cut_in_different_places") {
  CHECK(parsed_response(ok_with("Content-Length: 1\r\n")));  // the control
  for (const char* lines :
       {"Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: +1\r\n", "Content-Length: 1, 1\r\n", "Content-Length: x\r\n", "Content-Length: \r\n",
        "Content-Length: 99999999999999999999\r\n", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "A: b\r\n c\r\n", "A: b\rc\r\n",
        "A: b\nB: c\r\n", "A : b\r\n", "A\r\n", ": b\r\n", "Connection: \x22\r\n"}) {
    CAPTURE(lines);
    CHECK(refused_response(ok_with(lines)));
  }
  for (const char* wire :
       {"HTTP/1.2 200 OK\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 99 X\r\n\r\n", "HTTP/1.1 600 X\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    CAPTURE(wire);
    CHECK(refused_response(wire));
  }
  CHECK(refused_response("HTTP/1.1 200 OK\r\nA: " + std::string(kMaxHead, 'x') + "\r\n\r\n"));
}

TEST_CASE("a_guest_gets_end_to_end_fields_and_framing_of_ours") {
  const auto head = parsed_response(ok_with(
      "Server: x\r\nKeep-Alive: timeout=5\r\nConnection: X-Hop\r\nX-Hop: 1\r\nAlt-Svc: h3=\":443\"\r\nalt_svc: y\r\n"
      "Set-Cookie: a=b\r\nTrailer: Expires\r\nTransfer-Encoding: chunked\r\n"));
  REQUIRE(head);
  CHECK(serialise(*head, Version::kHttp11, Connection::kKeepAlive) ==
        "HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(serialise(*head, Version::kHttp10, Connection::kClose) ==
        "HTTP/1.0 200 OK\r\nServer: x\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n");
}

TEST_CASE("a_body_that_ends_with_the_connection_is_chunked_towards_http_1_1") {
  const auto head = parsed_response(ok_with("Server: x\r\n"));
  REQUIRE(head);
  CHECK(framing_towards(*head, Version::kHttp11).kind == Kind::kChunked);
  CHECK(framing_towards(*head, Version::kHttp10).kind == Kind::kUntilClose);
  CHECK(serialise(*head, Version::kHttp11, Connection::kKeepAlive) ==
        "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n");
}
