#include "credentials/https_answer.h"

#include <doctest/doctest.h>

using namespace enforcer;
using namespace enforcer::credentials;

namespace {

/// "STATUS BODY", "error: ..." or "more", when `text` arrives in such pieces; then the stream ends.
std::string read_in(std::string_view text, std::size_t piece) {
  HttpsAnswerReader reader("POST");
  while (!text.empty()) {
    const auto now = text.substr(0, piece);
    text.remove_prefix(now.size());
    const auto answer = reader.feed(as_bytes(now));
    if (!answer) return "error: " + answer.error().message;
    if (*answer) return std::to_string((*answer)->status) + " " + std::string((*answer)->body);
  }
  const auto answer = reader.end();
  if (!answer) return "error: " + answer.error().message;
  return std::to_string(answer->status) + " " + std::string(answer->body);
}

/// The same however it is cut.
std::string answer_in(std::string_view text) {
  const std::string whole = read_in(text, text.size() + 1);
  for (const std::size_t piece : {1, 2, 3, 5, 7, 64}) {
    CAPTURE(piece);
    CHECK(read_in(text, piece) == whole);
  }
  return whole;
}

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\n";

std::string ok(std::string_view rest) {
  return std::string(kOk) + std::string(rest);
}

}  // namespace

TEST_CASE("bodies_end_as_their_framing_says") {
  CHECK(answer_in(ok("Content-Length: 5\r\n\r\nhello")) == "200 hello");
  CHECK(answer_in(ok("Content-Length: 0\r\n\r\n")) == "200 ");
  CHECK(answer_in(ok("Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n")) ==
        "200 hello");
  CHECK(answer_in(ok("\r\nhello")) == "200 hello");
  CHECK(answer_in("HTTP/1.0 404 Not Found\r\n\r\n") == "404 ");
  CHECK(answer_in("HTTP/1.1 204 No Content\r\n\r\n") == "204 ");
  CHECK(answer_in(ok("Content-Length: 2\r\n\r\nhello")) == "200 he");
}

TEST_CASE("an_answer_cut_anywhere_is_no_answer") {
  for (const std::string& whole : {ok("Content-Length: 5\r\n\r\nhello"),
                                   ok("Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")}) {
    CHECK(read_in(whole, whole.size()) == "200 hello");
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK(read_in(std::string_view(whole).substr(0, size), whole.size()) ==
            "error: its answer cannot be used: it ends in the middle");
    }
  }
}

TEST_CASE("an_answer_has_at_most_64_kib") {
  const std::string most(65'536, 'x');
  CHECK(answer_in(ok("Content-Length: 65536\r\n\r\n" + most)) == "200 " + most);
  CHECK(answer_in(ok("\r\n" + most)) == "200 " + most);
  const std::string said = "error: its answer cannot be used: it has more than 65536 bytes";
  CHECK(answer_in(ok("Content-Length: 65537\r\n\r\n")) == said);
  CHECK(answer_in(ok("\r\n" + most + "x")) == said);
  CHECK(answer_in(ok("Transfer-Encoding: chunked\r\n\r\n10000\r\n" + most + "\r\n1\r\nx\r\n0\r\n\r\n")) == said);
  CHECK(answer_in(ok("X: " + most + "\r\n\r\n")) == "error: its answer cannot be used: head too large");
}

TEST_CASE("interim_answers_are_read_over_but_not_without_end") {
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  const std::string last = ok("Content-Length: 2\r\n\r\nok");
  std::string some;
  for (unsigned i = 0; i < HttpsAnswerReader::kMaxInterim; ++i) some += interim;
  CHECK(answer_in(some + last) == "200 ok");
  CHECK(answer_in(some + interim + last) == "error: its answer cannot be used: too many interim answers");
  CHECK(answer_in("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n") ==
        "error: its answer cannot be used: it changes the protocol unasked");
}

TEST_CASE("what_is_no_plain_answer_is_an_error") {
  CHECK(answer_in(ok("Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nok")) == "200 ok");
  for (const std::string& wrong :
       {ok("Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"),
        ok("Content-Length: 2\r\nContent-Length: 3\r\n\r\n"),
        ok("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"), ok("Transfer-Encoding: gzip\r\n\r\n"),
        ok("Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), ok("Content-Length: -1\r\n\r\n"),
        ok("Content-Length: 18446744073709551616\r\n\r\n"), std::string("HTTP/2 200\r\n\r\n"),
        std::string("SSH-2.0-x\r\n\r\n"), std::string("HTTP/1.1 200 OK\n\n"), std::string("HTTP/1.1 999 X\r\n\r\n"),
        ok(std::string_view("X: \0\r\n\r\n", 8))}) {
    CAPTURE(wrong);
    CHECK(answer_in(wrong).starts_with("error: its answer cannot be used: "));
  }
}
