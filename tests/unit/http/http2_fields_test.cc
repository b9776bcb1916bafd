#include "http/http2_fields.h"

#include <doctest/doctest.h>

#include "http/field_rules.h"

using namespace enforcer::http;

namespace {

Http2Fields request(std::vector<HeaderField> more, std::string_view authority = "ok.test") {
  Http2Fields block;
  block.fields = {{":method", "GET"}, {":scheme", "https"}, {":path", "/a/%61?x=1"}};
  if (!authority.empty()) block.fields.push_back({":authority", std::string(authority)});
  for (HeaderField& field : more) block.fields.push_back(std::move(field));
  return block;
}

const RequestHead* head_in(const HeadOutcome& outcome) {
  return std::get_if<RequestHead>(&outcome);
}

}  // namespace

TEST_CASE("http2_request_is_understood_like_one_of_http1") {
  const auto outcome =
      understand_http2_request(request({{"x-a", "b"}, {"x-forwarded-host", "evil.test"}}), Http2End::kEndsHere);
  const auto* head = head_in(outcome);
  REQUIRE(head != nullptr);
  CHECK(head->path.target() == "/a/a?x=1");
  CHECK(head->fields == std::vector<HeaderField>{{"x-a", "b"}});
  CHECK(head->body.kind == BodyFraming::Kind::kNone);
  CHECK(serialise(*head) == "GET /a/a?x=1 HTTP/1.1\r\nHost: ok.test\r\nx-a: b\r\n\r\n");
}

TEST_CASE("authority_and_host_must_agree") {
  const auto fault = [](std::vector<HeaderField> more, std::string_view authority = "ok.test") {
    const auto outcome = understand_http2_request(request(std::move(more), authority), Http2End::kEndsHere);
    return std::holds_alternative<HeadMalformed>(outcome);
  };
  CHECK_FALSE(fault({{"host", "ok.test"}}));
  CHECK_FALSE(fault({{"host", "OK.test:443"}}));
  CHECK_FALSE(fault({{"host", "ok.test"}}, ""));
  CHECK(fault({{"host", "evil.test"}}));
  CHECK(fault({{"host", "ok.test:8443"}}));
  CHECK(fault({{"host", "ok.test"}, {"host", "ok.test"}}));
  CHECK(fault({}, ""));
}

TEST_CASE("cookies_that_came_in_pieces_leave_as_one") {
  const auto outcome =
      understand_http2_request(request({{"cookie", "a=b"}, {"x", "y"}, {"cookie", "c=d"}}), Http2End::kEndsHere);
  CHECK(head_in(outcome)->fields == std::vector<HeaderField>{{"cookie", "a=b; c=d"}, {"x", "y"}});
  const auto empty_ones =
      understand_http2_request(request({{"cookie", ""}, {"cookie", "a=b"}, {"cookie", ""}}), Http2End::kEndsHere);
  CHECK(head_in(empty_ones)->fields == std::vector<HeaderField>{{"cookie", "a=b"}});
}

TEST_CASE("length_of_a_body_is_believed_only_while_it_can_be_true") {
  const auto body = [](std::vector<HeaderField> more, Http2End end) {
    const auto outcome = understand_http2_request(request(std::move(more)), end);
    const auto* head = head_in(outcome);
    return head == nullptr ? std::optional<BodyFraming>() : head->body;
  };
  using Is = BodyFraming::Kind;
  CHECK(body({{"content-length", "5"}}, Http2End::kMoreFollows) == BodyFraming{Is::kLength, 5});
  CHECK(body({}, Http2End::kMoreFollows) == BodyFraming{Is::kChunked});
  CHECK(body({{"content-length", "0"}}, Http2End::kEndsHere) == BodyFraming{Is::kNone});
  // What follows could be a second request to an origin that was told there is no body.
  CHECK(body({{"content-length", "0"}}, Http2End::kMoreFollows) == BodyFraming{Is::kChunked});
  CHECK_FALSE(body({{"content-length", "5"}}, Http2End::kEndsHere));
  CHECK_FALSE(body({{"content-length", "+5"}}, Http2End::kMoreFollows));
  CHECK_FALSE(body({{"content-length", "5"}, {"content-length", "5"}}, Http2End::kMoreFollows));
}

TEST_CASE("fields_that_hold_a_secret_never_enter_a_table") {
  RequestHead head{.method = "GET",
                   .authority = *parse_authority("ok.test"),
                   .path = *canonical_path("/"),
                   .fields = {},
                   .body = {}};
  head.fields = {{"Authorization", "Bearer S", true}, {"Accept", "*/*"}};
  head.secret_target = true;
  for (const HeaderField& field : http2_fields(head)) {
    CHECK_MESSAGE(field.secret == (field.name == "authorization" || field.name == ":path"), field.name);
  }
}

TEST_CASE("te_goes_on_only_as_trailers_and_only_by_http2") {
  const auto outcome = understand_http2_request(request({{"te", "trailers"}}), Http2End::kEndsHere);
  const RequestHead& head = *head_in(outcome);
  CHECK(values_of(http2_fields(head), "te") == std::vector<std::string_view>{"trailers"});
  CHECK_FALSE(serialise(head).contains("railers"));
}

TEST_CASE("http2_response_goes_on_by_http1_and_back") {
  Http2Fields block;
  block.fields = {{":status", "200"}, {"content-type", "text/plain"}, {"alt-svc", "h3=\":443\""}};
  const auto outcome = understand_http2_response(block, Http2End::kMoreFollows, "GET");
  const auto* head = std::get_if<ResponseHead>(&outcome);
  REQUIRE(head != nullptr);
  CHECK(head->fields == std::vector<HeaderField>{{"content-type", "text/plain"}});
  CHECK(serialise(*head, Version::kHttp11, Connection::kKeepAlive) ==
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
  const auto ended = understand_http2_response(block, Http2End::kEndsHere, "GET");
  CHECK(std::get<ResponseHead>(ended).body == BodyFraming{BodyFraming::Kind::kLength, 0});
  const auto head_only = understand_http2_response(block, Http2End::kMoreFollows, "HEAD");
  CHECK(std::get<ResponseHead>(head_only).body.kind == BodyFraming::Kind::kNone);
}
