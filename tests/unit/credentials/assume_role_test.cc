#include "credentials/assume_role.h"

#include <doctest/doctest.h>

#include "answers.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

GuestIdentity agent() {
  return {.name = GuestName::parse("agent-7").value(),
          .epoch = Epoch{0x0123456789abcdef},
          .labels = {{"team", "Data & Ops"}, {"loop", "{guest}"}, {"long", std::string(300, 'x')}}};
}

policy::AssumeRoleExchange assume_role(std::string session_name) {
  return {.sts = url("https://sts.us-east-1.amazonaws.com"),
          .region = "us-east-1",
          .role = "arn:aws:iam::123456789012:role/demo",
          .session_name = std::move(session_name)};
}

std::string session_name_of(std::string written) {
  const auto request = assume_role_request(assume_role(std::move(written)), agent());
  if (!request) return "error: " + request.error().message;
  const std::string_view body = body_of(*request);
  const auto at = body.find("RoleSessionName=") + 16;
  return std::string(body.substr(at, body.find('&', at) - at));
}

std::string keys_of(std::string_view body, unsigned status = 200) {
  return outcome_of(read_assume_role_answer(answered(status, body), kJune));
}

// As in the API reference, with another date.
constexpr std::string_view kXml = R"(<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
  <SourceIdentity>Alice</SourceIdentity>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/demo/TestAR</Arn>
      <AssumedRoleId>ARO123EXAMPLE123:TestAR</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <SessionToken>AQoDYXdzEPT//////////wEXAMPLE&#43;tc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGd</SessionToken>
      <Expiration>2026-06-01T01:00:00Z</Expiration>
    </Credentials>
    <PackedPolicySize>6</PackedPolicySize>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleResponse>)";

constexpr std::string_view kJsonAnswer = R"({"AssumeRoleResponse":{"AssumeRoleResult":{
  "AssumedRoleUser":{"Arn":"arn:aws:sts::1:assumed-role/demo/x","AssumedRoleId":"A:x"},
  "Credentials":{"AccessKeyId":"ASIAEXAMPLE","Expiration":1.7802756E9,"SecretAccessKey":"sec/ret","SessionToken":"tok+en=="},
  "PackedPolicySize":null,"SourceIdentity":null},"ResponseMetadata":{"RequestId":"r"}}})";

std::string with(std::string text, std::string_view what, std::string_view instead) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), instead);
}

}  // namespace

TEST_CASE("sts_is_asked_with_a_form") {
  auto exchange = assume_role("enforcer-{guest}");
  exchange.duration = std::chrono::seconds(900);
  exchange.session_policy = R"({"Version":"2012-10-17"})";
  exchange.tags = {{"team", "{label:team}"}, {"boot", "{epoch}"}};
  const auto request = assume_role_request(exchange, agent());
  REQUIRE(request.has_value());
  CHECK(request->head.method == "POST");
  CHECK(request->head.path.target() == "/");
  CHECK(request->place() == "sts.us-east-1.amazonaws.com");
  CHECK(field_of(*request, "Accept") == "application/json");
  CHECK(field_of(*request, "Content-Type") == "application/x-www-form-urlencoded");
  CHECK(field_of(*request, "Authorization") == "(none)");
  CHECK(body_of(*request) ==
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdemo&RoleSessionName="
        "enforcer-agent-7&DurationSeconds=900&Policy=%7B%22Version%22%3A%222012-10-17%22%7D&Tags.member.1.Key=team&"
        "Tags.member.1.Value=Data%20-%20Ops&Tags.member.2.Key=boot&Tags.member.2.Value=0123456789abcdef");
}

TEST_CASE("a_sessions_name_says_which_guest_it_is_in_characters_that_it_may_have") {
  CHECK(session_name_of("{guest}.{epoch}") == "agent-7.0123456789abcdef");
  CHECK(session_name_of("{label:team}") == "Data---Ops");
  CHECK(session_name_of("{label:loop}") == "-guest-");  // what is in a label is not looked at again
  CHECK(session_name_of("x{label:none}y") == "xy");
  CHECK(session_name_of("{other}{") == "-other--");
  CHECK(session_name_of("a/b c\xc3\xa9") == "a-b-c--");
  CHECK(session_name_of("{label:long}") == std::string(64, 'x'));
  CHECK(session_name_of("ab") == "ab");
  CHECK(session_name_of("a{label:none}") ==
        "error: the session's name 'a{label:none}' has less than 2 characters for guest 'agent-7'");
}

TEST_CASE("a_tags_value_is_cut_to_256") {
  auto exchange = assume_role("ab");
  exchange.tags = {{"k", "{label:long}"}, {"e", "{label:none}"}};
  const auto request = assume_role_request(exchange, agent());
  REQUIRE(request.has_value());
  CHECK(body_of(*request).ends_with("&Tags.member.1.Value=" + std::string(256, 'x') +
                                    "&Tags.member.2.Key=e&Tags.member.2.Value="));
}

TEST_CASE("keys_come_as_xml") {
  const auto value = read_assume_role_answer(answered(200, kXml), kJune);
  REQUIRE(value.has_value());
  CHECK(value->secret->reveal() ==
        "ASIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY\nAQoDYXdzEPT//////////wEXAMPLE+"
        "tc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGd");
  CHECK(value->expires == kJune + std::chrono::hours(1));
}

TEST_CASE("keys_come_as_json") {
  const auto value = read_assume_role_answer(answered(200, kJsonAnswer), kJune);
  REQUIRE(value.has_value());
  CHECK(value->secret->reveal() == "ASIAEXAMPLE\nsec/ret\ntok+en==");
  CHECK(value->expires == kJune + std::chrono::hours(1));
  CHECK(keys_of(with(std::string(kJsonAnswer), "1.7802756E9", "1780275600")) == "ASIAEXAMPLE\nsec/ret\ntok+en==");
  CHECK(keys_of(with(std::string(kJsonAnswer), "1.7802756E9", "\"2026-06-01T01:00:00Z\"")) ==
        "ASIAEXAMPLE\nsec/ret\ntok+en==");
}

TEST_CASE("what_is_no_keys_is_an_error_without_a_byte_of_it") {
  const std::string json(kJsonAnswer);
  const std::string xml(kXml);
  for (const std::string& body :
       {std::string(),
        std::string("{}"),
        std::string("[]"),
        with(json, "sec/ret", ""),
        with(json, "sec/ret", "sec\\nret"),
        with(json, "sec/ret", "sec/ret,"),
        with(json, "tok+en", "tok+ en"),
        with(json, "tok+en==", ""),
        with(json, "ASIAEXAMPLE", "AS\\u0000"),
        with(json, "\"sec/ret\"", "7"),
        with(json, "SessionToken", "Token"),
        with(json, "1.7802756E9", "-1"),
        with(json, "1.7802756E9", "1e300"),
        with(json, "1.7802756E9", "1780272000"),
        with(json, "1.7802756E9", "null"),
        with(json, "1.7802756E9", "[]"),
        with(json, "\"Credentials\":{", "\"Credentials\":[{"),
        json.substr(0, json.size() - 1),
        with(xml, "2026-06-01T01", "2026-05-31T23"),
        with(xml, "2026-06-01T01:00:00Z", "soon"),
        with(xml, "wJalr", "wJalr\n"),
        with(xml, "wJalr", "wJalr&#10;"),
        with(xml, "wJalr", "wJalr<b/>"),
        with(xml, "<SecretAccessKey>", "<SecretAccessKey>x</SecretAccessKey><SecretAccessKey>"),
        with(xml, "<AssumeRoleResponse", "<!DOCTYPE x><AssumeRoleResponse"),
        xml.substr(0, xml.size() - 1)}) {
    CAPTURE(body);
    const std::string said = keys_of(body);
    CHECK(said.starts_with("error: it answered with "));
    CHECK_FALSE(said.contains("sec/"));
    CHECK_FALSE(said.contains("ret\n"));
    CHECK_FALSE(said.contains("tok+"));
    CHECK_FALSE(said.contains("wJalr"));
  }
}

TEST_CASE("sts_says_why_not") {
  CHECK(
      keys_of(R"(<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
    <Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/u is not authorized to perform: sts:AssumeRole</Message>
    </Error><RequestId>r</RequestId></ErrorResponse>)",
              403) ==
      "error: it answered 403: AccessDenied: User: arn:aws:iam::1:user/u is not authorized to perform: sts:AssumeRole");
  CHECK(keys_of(R"({"Error":{"Code":"ExpiredToken","Message":"The security token\n is expired","Type":"Sender"}})",
                403) == R"(error: it answered 403: ExpiredToken: The security token\x0a is expired)");
  CHECK(keys_of(R"({"Error":{"Code":"AccessDenied"}})", 403) == "error: it answered 403: AccessDenied");
  CHECK(keys_of(R"({"Error":[]})", 400) == "error: it answered 400");
  CHECK(keys_of("<ErrorResponse>", 400) == "error: it answered 400");
  CHECK(keys_of(kXml, 201) == "error: it answered 201");
}
