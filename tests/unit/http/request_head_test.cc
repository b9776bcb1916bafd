#include "http/request_head.h"

#include <doctest/doctest.h>

#include <optional>

using namespace enforcer;
using namespace enforcer::http;

namespace {

HeadOutcome read_whole(std::string_view wire) {
  RequestHeadReader reader;
  return reader.read(as_bytes(wire));
}

/// Byte by byte the outcome must be the same as at once.
HeadOutcome read_dripped(std::string_view wire) {
  RequestHeadReader reader;
  HeadOutcome outcome = HeadIncomplete{};
  for (std::size_t size = 1; size <= wire.size() && std::holds_alternative<HeadIncomplete>(outcome); ++size) {
    outcome = reader.read(as_bytes(wire.substr(0, size)));
  }
  return outcome;
}

std::optional<RequestHead> parsed(std::string_view wire) {
  auto outcome = read_whole(wire);
  if (const auto* head = std::get_if<RequestHead>(&outcome)) return *head;
  return std::nullopt;
}

std::optional<HeadFault> fault(std::string_view wire) {
  const auto outcome = read_whole(wire);
  const auto dripped = read_dripped(wire);
  const auto* malformed = std::get_if<HeadMalformed>(&outcome);
  REQUIRE(outcome.index() == dripped.index());
  if (malformed == nullptr) return std::nullopt;
  CHECK(std::get<HeadMalformed>(dripped).fault == malformed->fault);
  return malformed->fault;
}

/// A request to ok.test with these further header lines.
std::string post(std::string_view lines, std::string_view version = "1.1") {
  return "POST /x HTTP/" + std::string(version) + "\r\nHost: ok.test\r\n" + std::string(lines) + "\r\n";
}

std::string sent(std::string_view wire) {
  const auto head = parsed(wire);
  return head ? serialise(*head) : "(refused)";
}

}  // namespace

TEST_CASE("reads_a_request_and_says_where_its_body_begins") {
  const std::string wire = post("Content-Length: 5\r\nAccept: */*\r\n") + "hello";
  RequestHeadReader reader;
  const auto outcome = reader.read(as_bytes(wire));
  REQUIRE(std::holds_alternative<RequestHead>(outcome));
  const auto& head = std::get<RequestHead>(outcome);
  CHECK(head.method == "POST");
  CHECK(head.authority.to_string() == "ok.test");
  CHECK(head.path.target() == "/x");
  CHECK(head.body == BodyFraming{BodyFraming::Kind::kLength, 5});
  CHECK(head.fields == std::vector<HeaderField>{{"Accept", "*/*"}});
  CHECK(head.connection == Connection::kKeepAlive);
  CHECK(head.tunnel == RequestHead::Tunnel::kNone);
  CHECK(reader.head_size() == wire.size() - 5);
}

TEST_CASE("a_head_in_one_byte_steps_is_the_same_head") {
  const std::string wire = post("Accept: */*\r\n");
  RequestHeadReader reader;
  for (std::size_t size = 0; size < wire.size(); ++size) {
    REQUIRE(std::holds_alternative<HeadIncomplete>(reader.read(as_bytes(wire).first(size))));
  }
  CHECK(std::holds_alternative<RequestHead>(reader.read(as_bytes(wire))));
  CHECK(reader.head_size() == wire.size());
}

TEST_CASE("invariant_7_what_is_sent_is_made_from_what_was_understood") {
  CHECK(sent("GET http://OK.test.:80/a/../%62//c?q=1 HTTP/1.1\r\nhOsT:ok.TEST.:80\r\nAccept:   a \t\r\nX-A: 1\r\nX-A: "
             "2\r\n\r\n") == "GET /b/c?q=1 HTTP/1.1\r\nHost: ok.test:80\r\nAccept: a\r\nX-A: 1\r\nX-A: 2\r\n\r\n");
  CHECK(sent(post("Transfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n")) ==
        "POST /x HTTP/1.1\r\nHost: ok.test\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  CHECK(sent(post("Content-Length: 007\r\nConnection: close\r\n")) ==
        "POST /x HTTP/1.1\r\nHost: ok.test\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
  CHECK(sent(post("Content-Length: 0\r\nExpect: 100-continue\r\n")) ==
        "POST /x HTTP/1.1\r\nHost: ok.test\r\nContent-Length: 0\r\n\r\n");
  CHECK(sent("GET http://[2001:db8::1]?q HTTP/1.0\r\nHost: [2001:db8::1]\r\n\r\n") ==
        "GET /?q HTTP/1.0\r\nHost: [2001:db8::1]\r\nConnection: close\r\n\r\n");
}

TEST_CASE("what_is_sent_reads_back_as_the_same_head") {
  for (const std::string& wire :
       {post("Content-Length: 3\r\nX: \xe9\r\n"), post("Transfer-Encoding: chunked\r\n"), post("", "1.0")}) {
    const std::string once = sent(wire);
    CHECK(sent(once) == once);
  }
}

TEST_CASE("hop_by_hop_and_rerouting_fields_are_not_sent_on") {
  const std::string lines =
      "Keep-Alive: 5\r\nClose: x\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: x\r\nTE: trailers\r\nTrailer: "
      "x\r\nConnection: X-Mine, close\r\n"
      "X-Mine: 1\r\nx_mine: 2\r\nX-Forwarded-Host: no.test\r\nX_Forwarded_Host: no.test\r\nX-Original-URL: /admin\r\n"
      "X-HTTP-Method-Override: DELETE\r\nForwarded: host=no.test\r\nContent_Length: 5\r\nTransfer_Encoding: "
      "chunked\r\nX-Kept: 1\r\n";
  CHECK(sent(post(lines)) == "POST /x HTTP/1.1\r\nHost: ok.test\r\nX-Kept: 1\r\nConnection: close\r\n\r\n");
}

TEST_CASE("fields_stay_where_they_were_also_those_of_one_name") {
  CHECK(sent("GET / HTTP/1.1\r\nHost: ok.test\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: ok.test\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n");
}

TEST_CASE("connection_cannot_remove_host_or_framing") {
  CHECK(sent(post("Connection: host, content-length\r\nContent-Length: 5\r\n")) ==
        "POST /x HTTP/1.1\r\nHost: ok.test\r\nContent-Length: 5\r\n\r\n");
}

TEST_CASE("refuses_missing_repeated_and_malformed_host") {
  CHECK(fault("GET / HTTP/1.1\r\n\r\n") == HeadFault::kHost);
  CHECK(fault("GET / HTTP/1.0\r\n\r\n") == HeadFault::kHost);
  CHECK(fault(post("Host: ok.test\r\n")) == HeadFault::kHost);
  CHECK(fault(post("HOST: no.test\r\n")) == HeadFault::kHost);
  for (const std::string host :
       {"", "ok.test, no.test", "ok.test@no.test", "ok.test/", "127.1", "ok%2etest", "b\xc3\xbc.test"}) {
    CAPTURE(host);
    CHECK(fault("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n") == HeadFault::kHost);
  }
}

TEST_CASE("refuses_an_absolute_target_that_is_not_the_host") {
  const auto get = [](const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: ok.test\r\n\r\n"; };
  CHECK(fault(get("http://ok.test/")) == std::nullopt);
  CHECK(fault(get("HTTP://OK.test:80/")) == std::nullopt);
  CHECK(fault(get("http://no.test/")) == HeadFault::kAuthority);
  CHECK(fault(get("http://ok.test:8080/")) == HeadFault::kAuthority);
  CHECK(fault(get("https://ok.test/")) == std::nullopt);  // whether the connection is TLS is for the session to compare
  CHECK(fault(get("https://ok.test:80/")) == HeadFault::kAuthority);
  CHECK(fault(get("ftp://ok.test/")) == HeadFault::kAuthority);
  CHECK(fault(get("http://ok.test@no.test/")) == HeadFault::kHost);
  CHECK(fault(get("ok.test:80")) == HeadFault::kAuthority);
  CHECK(fault(get("*")) == HeadFault::kSyntax);
}

TEST_CASE("refuses_every_ambiguous_length") {
  CHECK(fault(post("Content-Length: 5\r\n")) == std::nullopt);
  CHECK(fault(post("Transfer-Encoding: chunked\r\n")) == std::nullopt);
  for (const std::string lines : {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                                  "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                                  "Content-Length: 5\r\nContent-Length: 5\r\n",
                                  "Content-Length: 5\r\nContent-Length: 6\r\n",
                                  "Content-Length: 5, 5\r\n",
                                  "Content-Length: +5\r\n",
                                  "Content-Length: -5\r\n",
                                  "Content-Length: 0x5\r\n",
                                  "Content-Length: 5 5\r\n",
                                  "Content-Length: \r\n",
                                  "Content-Length: 99999999999999999999\r\n",
                                  "Transfer-Encoding: xchunked\r\n",
                                  "Transfer-Encoding: chunked, chunked\r\n",
                                  "Transfer-Encoding: gzip, chunked\r\n",
                                  "Transfer-Encoding: chunked;x\r\n",
                                  "Transfer-Encoding: identity\r\n",
                                  "Transfer-Encoding: \r\n",
                                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                                  "Transfer-Encoding: \x0b"
                                  "chunked\r\n"}) {
    CAPTURE(lines);
    CHECK(fault(post(lines)).has_value());
  }
  CHECK(fault(post("Transfer-Encoding: xchunked\r\n")) == HeadFault::kFraming);
  CHECK(fault(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")) == HeadFault::kFraming);
  CHECK(fault(post("Transfer-Encoding: chunked\r\n", "1.0")) == HeadFault::kFraming);
}

TEST_CASE("refuses_lines_that_parsers_end_differently") {
  using namespace std::string_view_literals;
  for (const std::string_view wire : {"GET / HTTP/1.1\nHost: ok.test\n\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\rX: y\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\r\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\r\nA: b\r\n c\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\r\nA: b\r\n\tc\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\n Host: ok.test\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\r\n \r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\r\nA: b\0c\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\r\nA: b\x0b\r\n\r\n"sv,
                                      "\r\nGET / HTTP/1.1\r\nHost: ok.test\r\n\r\n"sv,
                                      " GET / HTTP/1.1\r\nHost: ok.test\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost : ok.test\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\r\nno colon\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\r\n: x\r\n\r\n"sv,
                                      "GET / HTTP/1.1\r\nHost: ok.test\r\nA(b): x\r\n\r\n"sv,
                                      "GET  / HTTP/1.1\r\nHost: ok.test\r\n\r\n"sv,
                                      "GET /  HTTP/1.1\r\nHost: ok.test\r\n\r\n"sv,
                                      "GET / HTTP/1.1 \r\nHost: ok.test\r\n\r\n"sv,
                                      "GET\t/ HTTP/1.1\r\nHost: ok.test\r\n\r\n"sv}) {
    CAPTURE(wire);
    CHECK(fault(wire) == HeadFault::kSyntax);
  }
}

TEST_CASE("refuses_other_versions_and_methods") {
  for (const std::string line : {"GET / HTTP/1.2", "GET / HTTP/0.9", "GET / HTTP/2.0", "GET / http/1.1", "GET /",
                                 "get / HTTP/1.1", "GeT / HTTP/1.1", "G@T / HTTP/1.1", "GET1 / HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(fault(line + "\r\nHost: ok.test\r\n\r\n") == HeadFault::kSyntax);
  }
  CHECK(fault("PROPFIND / HTTP/1.1\r\nHost: ok.test\r\n\r\n") == std::nullopt);
}

TEST_CASE("refuses_an_ambiguous_path") {
  CHECK(fault("GET /a/..%2fadmin HTTP/1.1\r\nHost: ok.test\r\n\r\n") == HeadFault::kPath);
  CHECK(fault("GET http://ok.test/..;/ HTTP/1.1\r\nHost: ok.test\r\n\r\n") == HeadFault::kPath);
}

TEST_CASE("invariant_2_tunnels_are_flagged") {
  CHECK(parsed("CONNECT ok.test:443 HTTP/1.1\r\nHost: ok.test\r\n\r\n")->tunnel == RequestHead::Tunnel::kConnect);
  CHECK(fault("CONNECT no.test:443 HTTP/1.1\r\nHost: ok.test\r\n\r\n") == HeadFault::kAuthority);
  CHECK(fault("CONNECT ok.test HTTP/1.1\r\nHost: ok.test\r\n\r\n") == HeadFault::kSyntax);
  for (const std::string lines :
       {"Connection: Upgrade\r\nUpgrade: websocket\r\n", "Upgrade: TLS/1.0\r\n", "Upgrade: h2c\r\nUpgrade: foo\r\n",
        "Upgrade: h2c, foo\r\n", "Connection: upgrade\r\n"}) {
    CAPTURE(lines);
    CHECK(parsed(post(lines))->tunnel == RequestHead::Tunnel::kUpgrade);
  }
}

TEST_CASE("wish_for_http2_in_clear_is_ignored") {
  const auto head = parsed(post("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"));
  CHECK(head->tunnel == RequestHead::Tunnel::kNone);
  CHECK(head->fields.empty());
}

TEST_CASE("websocket_handshake_is_told_from_what_resembles_it") {
  const std::string get = "GET /chat HTTP/1.1\r\nHost: ok.test\r\nConnection: keep-alive, Upgrade\r\n";
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string rest = "Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n";
  const auto head = parsed(get + rest + key + "\r\n");
  CHECK(head->tunnel == RequestHead::Tunnel::kWebSocket);
  CHECK(serialise(*head).contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
  for (const std::string& text :
       {get + rest, get + rest + key + key, get + rest + "Sec-WebSocket-Key: short\r\n",
        get + "Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n" + key, get + rest + key + "Content-Length: 1\r\n",
        "GET / HTTP/1.1\r\nHost: ok.test\r\n" + rest + key,
        get + "Upgrade: websocket, foo\r\nSec-WebSocket-Version: 13\r\n" + key}) {
    CAPTURE(text);
    CHECK(parsed(text + "\r\n")->tunnel == RequestHead::Tunnel::kUpgrade);
  }
}

TEST_CASE("refuses_an_obfuscated_expect") {
  CHECK(parsed(post("Content-Length: 1\r\nExpect: 100-continue\r\n"))->expects_continue);
  CHECK_FALSE(parsed(post("Content-Length: 1\r\nExpect: 100-continue\r\n", "1.0"))->expects_continue);
  CHECK(fault(post("Expect: 100-continue, x\r\n")) == HeadFault::kSyntax);
  CHECK(fault(post("Expect: 100-continue\r\nExpect: 100-continue\r\n")) == HeadFault::kSyntax);
  CHECK(fault(post("Connection: a b\r\n")) == HeadFault::kSyntax);
}

TEST_CASE("a_head_is_bounded_in_bytes_and_fields") {
  const auto with_padding = [](std::size_t size) {
    const std::size_t rest = post("X: \r\n").size();
    return post("X: " + std::string(size - rest, 'a') + "\r\n");
  };
  CHECK(std::holds_alternative<RequestHead>(read_whole(with_padding(kMaxHead))));
  CHECK(std::holds_alternative<HeadTooLarge>(read_whole(with_padding(kMaxHead + 1))));
  CHECK(std::holds_alternative<HeadTooLarge>(read_whole(std::string(kMaxHead + 1, 'A'))));
  std::string many;
  for (std::size_t count = 1; count < kMaxFields; ++count) many += "A: b\r\n";
  CHECK(std::holds_alternative<RequestHead>(read_whole(post(many))));
  CHECK(std::holds_alternative<HeadTooLarge>(read_whole(post(many + "A: b\r\n"))));
}
