#include "http/opening.h"

#include <doctest/doctest.h>

#include <string_view>

using namespace enforcer;
using namespace enforcer::http;

namespace {

Opening judge(std::string_view text) {
  return judge_opening(as_bytes(text));
}

}  // namespace

TEST_CASE("recognises_requests_at_the_first_byte_of_their_target") {
  for (const std::string_view text :
       {"GET /", "POST http", "get HTTP://x", "OPTIONS *", "CONNECT x", "M-SEARCH *", "\r\nGET /", " GET /"}) {
    CAPTURE(text);
    CHECK(judge(text) == Opening::kRequest);
  }
  for (const std::string_view text : {"", "G", "GET", "GET ", "GET h", "CONNECT "}) {
    CAPTURE(text);
    CHECK(judge(text) == Opening::kUndecided);
  }
}

TEST_CASE("recognises_the_http2_preface") {
  CHECK(judge("PRI") == Opening::kUndecided);
  CHECK(judge("PRI * HTTP/2.0\r") == Opening::kUndecided);
  CHECK(judge("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == Opening::kHttp2);
  CHECK(judge("PROPFIND /") == Opening::kRequest);
}

TEST_CASE("other_protocols_are_neither") {
  for (const std::string_view text : {"SSH-2.0-OpenSSH_9.2\r\n", "EHLO me\r\n", "USER anonymous\r\n",
                                      "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "\x05\x01", "\x16\x03\x01", "GET\t/",
                                      "GET\r\n", "123 /", "-GET /", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "GET x"}) {
    CAPTURE(text);
    CHECK(judge(text) == Opening::kOther);
  }
  using namespace std::string_view_literals;
  CHECK(judge("\0\0\0\x08\x04\xd2\x16\x2f"sv) == Opening::kOther);  // PostgreSQL SSLRequest
}
