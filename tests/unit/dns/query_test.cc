#include <doctest/doctest.h>

#include "dns/message.h"
#include "dns/stream.h"
#include "dns_bytes.h"

using namespace enforcer;
using namespace enforcer::dns;
using namespace enforcer::dns::test;

namespace {

QueryOutcome read(std::string_view message) {
  return parse_query(as_bytes(message), Transport::kUdp);
}

std::string name_of(const QueryOutcome& outcome) {
  const auto* query = std::get_if<Query>(&outcome);
  return query != nullptr ? query->name.text() : "(no query)";
}

/// "FORMERR" and the like for what is answered with an error, "ok" and "silence" otherwise.
std::string verdict(std::string_view message) {
  const auto outcome = read(message);
  if (std::holds_alternative<NotAQuery>(outcome)) return "silence";
  const auto* unusable = std::get_if<UnusableQuery>(&outcome);
  if (unusable == nullptr) return "ok";
  const bool malformed = unusable->fault == UnusableQuery::Fault::kMalformed;
  switch (unusable->code) {
    case ResponseCode::kFormErr:
      return malformed ? "malformed" : "?";
    case ResponseCode::kNotImp:
      return malformed ? "?" : "not implemented";
    case ResponseCode::kBadVersion:
      return malformed ? "?" : "bad version";
    default:
      return "?";
  }
}

const std::string kQuestion = question("ok.test", 1);

}  // namespace

TEST_CASE("reads_one_question_and_what_the_answer_must_echo") {
  const auto outcome = read(header({.flags = 0x0110, .additionals = 1}) + question("Ok.TEST", 28) + opt(1400));
  REQUIRE(std::holds_alternative<Query>(outcome));
  const auto& query = std::get<Query>(outcome);
  CHECK(query.name.text() == "ok.test");
  CHECK(query.type == Type::kAaaa);
  CHECK(query.echo.id == 0x1234);
  CHECK(query.echo.recursion_desired);
  CHECK(query.echo.checking_disabled);
  CHECK(query.echo.edns_payload == 1400);
  CHECK(as_text(query.echo.question) == question("Ok.TEST", 28));  // with the case of its letters
}

TEST_CASE("accepts_edns_options_without_looking_at_them") {
  CHECK(name_of(read(header({.additionals = 1}) + kQuestion + opt(512, 0, be16(10) + be16(8) + "-cookie-"))) ==
        "ok.test");
  CHECK(name_of(read(header({.additionals = 1}) + kQuestion +
                     opt(512, 0, be16(12) + be16(300) + std::string(300, '\0')))) == "ok.test");
}

TEST_CASE("refuses_any_number_of_questions_but_one") {
  CHECK(verdict(header({}) + kQuestion) == "ok");
  CHECK(verdict(header({.questions = 0})) == "malformed");
  CHECK(verdict(header({.questions = 2}) + kQuestion + kQuestion) == "malformed");
  CHECK(verdict(header({.questions = 65535}) + kQuestion) == "malformed");
}

TEST_CASE("refuses_records_and_bytes_that_are_no_part_of_a_question") {
  const std::string extra = record("x.test", 1, 60, "1234");
  CHECK(verdict(header({.answers = 1}) + kQuestion + extra) == "malformed");
  CHECK(verdict(header({.authorities = 1}) + kQuestion + extra) == "malformed");
  CHECK(verdict(header({.additionals = 1}) + kQuestion + extra) == "malformed");
  CHECK(verdict(header({.additionals = 2}) + kQuestion + opt(512) + opt(512)) == "malformed");
  CHECK(verdict(header({}) + kQuestion + "x") == "malformed");
  CHECK(verdict(header({}) + kQuestion + opt(512)) == "malformed");
  CHECK(verdict(header({.additionals = 1}) + kQuestion + opt(512) + "x") == "malformed");
  CHECK(verdict(header({.additionals = 1}) + kQuestion + opt(512, 0, "odd")) == "malformed");
  CHECK(verdict(header({.additionals = 1}) + kQuestion + opt(512, 0, be16(10) + be16(9) + "short")) == "malformed");
  CHECK(verdict(header({.additionals = 1}) + kQuestion + wire_name("x") + opt(512).substr(1)) == "malformed");
}

TEST_CASE("refuses_names_whose_labels_are_no_host_name_labels") {
  using namespace std::string_literals;
  for (const std::string& name :
       {"\x07ok.test\0"s, "\x03ok\0\4test\0"s, "\x03o k\4test\0"s, "\x03ok\n\4test\0"s, "\x03ok\\\4test\0"s,
        "\x03o\xc3\xbc\4test\0"s, "\x05*.foo\0"s, "\1*\4test\0"s, "\3-ok\4test\0"s}) {
    CAPTURE(name);
    CHECK(verdict(header({}) + name + be16(1) + be16(1)) == "malformed");
  }
  CHECK(verdict(header({}) + question("_dmarc.ok-1.test", 16)) == "ok");
  CHECK(verdict(header({}) + question("127.1", 1)) == "malformed");
}

TEST_CASE("refuses_names_that_are_too_long_cut_short_or_compressed") {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  CHECK(name_of(read(header({}) + question(longest, 1))) == longest);
  CHECK(verdict(header({}) + question(longest + "b", 1)) == "malformed");
  CHECK(verdict(header({}) + question(std::string(64, 'a') + ".test", 1)) == "malformed");
  CHECK(verdict(header({}) + "\xc0\x0c" + be16(1) + be16(1)) == "malformed");
  CHECK(verdict(header({}) + "\x02ok\xc0\x0c" + be16(1) + be16(1)) == "malformed");
  CHECK(verdict(header({}) + std::string(1, '\x40') + be16(1) + be16(1)) == "malformed");
  const std::string whole = header({}) + kQuestion;
  for (std::size_t size = 12; size < whole.size(); ++size) CHECK(verdict(whole.substr(0, size)) == "malformed");
}

TEST_CASE("other_operations_classes_and_versions_are_not_implemented") {
  for (unsigned opcode = 1; opcode < 16; ++opcode) {
    CHECK(verdict(header({.flags = opcode << 11}) + kQuestion) == "not implemented");
  }
  CHECK(verdict(header({}) + question("version.bind", 16, 3)) == "not implemented");
  CHECK(verdict(header({}) + question("ok.test", 1, 255)) == "not implemented");
  CHECK(verdict(header({}) + question("", 2)) == "not implemented");
  CHECK(verdict(header({.additionals = 1}) + kQuestion + opt(512, 1)) == "bad version");
}

TEST_CASE("never_answers_what_is_a_response_or_no_message_at_all") {
  CHECK(verdict(header({.flags = 0x8180}) + kQuestion) == "silence");
  CHECK(verdict("") == "silence");
  CHECK(verdict(header({}).substr(0, 11)) == "silence");
  CHECK(verdict(header({}) + kQuestion + std::string(kMaxQuery, 'x')) == "malformed");
}

TEST_CASE("cuts_a_tcp_stream_into_messages") {
  const std::string stream = be16(3) + "abc" + be16(2) + "de" + be16(5) + "f";
  CHECK(as_text(*next_message(as_bytes(stream))) == "abc");
  CHECK(as_text(*next_message(as_bytes(stream).subspan(5))) == "de");
  CHECK_FALSE(next_message(as_bytes(stream).subspan(9)).has_value());
  CHECK_FALSE(next_message(as_bytes(stream).first(1)).has_value());
  CHECK_FALSE(next_message({}).has_value());
  CHECK(as_text(to_stream(as_bytes("abc"))) == be16(3) + "abc");
}

TEST_CASE("a_stream_frame_that_claims_too_much_is_no_query") {
  const auto message = next_message(as_bytes(be16(kMaxQuery + 1)));
  REQUIRE(message.has_value());
  CHECK(std::holds_alternative<NotAQuery>(parse_query(*message, Transport::kTcp)));
}
