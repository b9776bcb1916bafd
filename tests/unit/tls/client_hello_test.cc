#include "tls/client_hello.h"

#include <doctest/doctest.h>

#include "hello_bytes.h"
#include "tls/alert.h"

using namespace enforcer;
using namespace enforcer::tls;
using namespace enforcer::tls::test;

namespace {

/// Feeds in segments of `segment` bytes; the outcome, and that it came with the last byte and not before.
HelloOutcome read_in(const std::string& wire, std::size_t segment) {
  ClientHelloReader reader;
  HelloOutcome outcome = NeedMore{};
  for (std::size_t at = 0; at < wire.size(); at += segment) {
    outcome = reader.feed(as_bytes(wire).subspan(at, std::min(segment, wire.size() - at)));
    if (!std::holds_alternative<NeedMore>(outcome)) return outcome;
  }
  return outcome;
}

HelloOutcome read_whole(const std::string& wire) {
  return read_in(wire, wire.size());
}

bool malformed(const std::string& extensions) {
  return std::holds_alternative<Malformed>(read_whole(record(22, hello_message(extensions))));
}

std::string name_of(const HelloOutcome& outcome) {
  const auto* hello = std::get_if<ClientHello>(&outcome);
  return hello != nullptr ? hello->server_name.value_or("(no name)") : "(no hello)";
}

}  // namespace

TEST_CASE("reads_name_alpn_and_versions_of_a_plain_hello") {
  const auto outcome = read_whole(record(
      22, hello_message(server_name("ok.test") + alpn({"h2", "http/1.1"}) + extension(43, vec8("\x03\x04\x03\x03")))));
  REQUIRE(std::holds_alternative<ClientHello>(outcome));
  const auto& hello = std::get<ClientHello>(outcome);
  CHECK(hello.server_name == "ok.test");
  CHECK(hello.alpn == std::vector<std::string>{"h2", "http/1.1"});
  CHECK(hello.versions == std::vector<std::uint16_t>{0x0304, 0x0303});
  CHECK(hello.session_id_length == 32);
  CHECK_FALSE(hello.ech);
  CHECK_FALSE(hello.early_data);
}

TEST_CASE("invariant_7_reads_the_same_hello_in_any_segments_and_records") {
  // 1.9 KiB, as with a post-quantum key share.
  const std::string message = hello_message(extension(51, std::string(1800, 'k')) + server_name("pq.ok.test"));
  for (const std::size_t record_size : {1, 2, 3, 5, 100, 1400, 16384}) {
    const std::string wire = records(message, record_size);
    for (const std::size_t segment : {1, 2, 7, 1000, 100000}) {
      CAPTURE(record_size);
      CAPTURE(segment);
      CHECK(name_of(read_in(wire, segment)) == "pq.ok.test");
    }
  }
}

TEST_CASE("asks_for_more_until_the_last_byte") {
  const std::string wire = records(hello_message(server_name("ok.test")), 20);
  ClientHelloReader reader;
  for (std::size_t at = 0; at + 1 < wire.size(); ++at) {
    REQUIRE(std::holds_alternative<NeedMore>(reader.feed(as_bytes(wire).subspan(at, 1))));
  }
  CHECK(name_of(reader.feed(as_bytes(wire).last(1))) == "ok.test");
  CHECK(reader.wire_size() == wire.size());
  CHECK(std::holds_alternative<Malformed>(reader.feed(as_bytes(wire))));
}

TEST_CASE("says_where_the_hello_ends_when_early_data_follows") {
  const std::string hello = records(hello_message(server_name("ok.test") + extension(42, "")), 50);
  const std::string wire = hello + record(23, "early");
  ClientHelloReader reader;
  const auto outcome = reader.feed(as_bytes(wire));
  REQUIRE(std::holds_alternative<ClientHello>(outcome));
  CHECK(std::get<ClientHello>(outcome).early_data);
  CHECK(reader.wire_size() == hello.size());
}

TEST_CASE("invariant_2_a_hello_without_a_name_has_no_name") {
  CHECK(name_of(read_whole(record(22, hello_message(alpn({"h2"}))))) == "(no name)");
}

TEST_CASE("keeps_the_raw_octets_of_a_name") {
  const std::string trick("evil\0.ok.test", 13);
  CHECK(name_of(read_whole(record(22, hello_message(server_name(trick))))) == trick);
}

TEST_CASE("flags_encrypted_client_hello_and_its_predecessor") {
  for (const std::uint16_t type : {0xfe0d, 0xffce}) {
    const auto outcome = read_whole(record(22, hello_message(server_name("ok.test") + extension(type, "x"))));
    REQUIRE(std::holds_alternative<ClientHello>(outcome));
    CHECK(std::get<ClientHello>(outcome).ech);
  }
}

TEST_CASE("refuses_two_names_in_every_form") {
  const std::string one = be(0, 1) + vec16("ok.test");
  CHECK_FALSE(malformed(extension(0, vec16(one))));
  CHECK(malformed(server_name("ok.test") + server_name("no.test")));
  CHECK(malformed(extension(0, vec16(one + be(0, 1) + vec16("no.test")))));
  CHECK(malformed(extension(0, vec16(one + be(1, 1) + vec16("no.test")))));
  CHECK(malformed(extension(0, vec16(be(1, 1) + vec16("ok.test")))));
}

TEST_CASE("refuses_lengths_that_do_not_add_up") {
  const std::string one = be(0, 1) + vec16("ok.test");
  CHECK(malformed(extension(0, vec16(one) + "x")));                         // bytes behind the list
  CHECK(malformed(extension(0, be(one.size() + 1, 2) + one)));              // list longer than the extension
  CHECK(malformed(extension(0, vec16(be(0, 1) + be(20, 2) + "ok.test"))));  // name longer than the list
  CHECK(malformed(extension(0, vec16(be(0, 1) + vec16("")))));              // empty name
  CHECK(malformed(extension(0, vec16(""))));
  CHECK(malformed(extension(0, "")));
  CHECK(malformed(extension(16, vec16(vec8("")))));
  CHECK(malformed(extension(16, vec16("\x05h2"))));
  CHECK(malformed(extension(43, vec8("\x03"))));
  CHECK(malformed(be(13, 2) + be(50, 2) + "short"));
  CHECK(malformed(extension(13, "a") + extension(13, "b")));  // any extension at most once
}

TEST_CASE("refuses_a_hello_whose_message_length_lies") {
  std::string message = hello_message(server_name("ok.test"));
  SUBCASE("shorter than its fields") {
    message[3] = static_cast<char>(message[3] - 1);
  }
  SUBCASE("bytes behind the hello in its record") {
    message += "more";
  }
  SUBCASE("another message") {
    message[0] = 2;
  }
  CHECK(std::holds_alternative<Malformed>(read_whole(record(22, message))));
}

TEST_CASE("a_claimed_length_above_the_bound_is_refused_at_its_header") {
  CHECK(std::holds_alternative<Malformed>(read_whole(record(22, std::string("\x01\xff\xff\xff", 4)))));
  CHECK(std::holds_alternative<Malformed>(read_whole(record(22, be(1, 1) + be(kMaxHelloMessage - 3, 3)))));
  CHECK(std::holds_alternative<NeedMore>(read_whole(record(22, be(1, 1) + be(kMaxHelloMessage - 4, 3)))));
}

TEST_CASE("accepts_the_largest_hello_and_bounds_what_it_costs_on_the_wire") {
  const std::string padding(16000, 'p');
  const std::string big =
      hello_message(extension(21, padding) + extension(51, padding) + extension(13, padding) + server_name("ok.test"));
  CHECK(name_of(read_in(records(big, 16384), 1460)) == "ok.test");
  CHECK(std::holds_alternative<Malformed>(read_in(records(big, 1), 1460)));  // six bytes on the wire for each one
}

TEST_CASE("refuses_empty_foreign_and_oversized_records_inside_the_hello") {
  const std::string message = hello_message(server_name("ok.test"));
  const std::string head = record(22, message.substr(0, 20));
  const std::string tail = record(22, message.substr(20));
  CHECK(name_of(read_whole(head + tail)) == "ok.test");
  CHECK(std::holds_alternative<Malformed>(read_whole(head + record(22, "") + tail)));
  CHECK(std::holds_alternative<Malformed>(read_whole(head + record(20, "\x01") + tail)));
  CHECK(std::holds_alternative<Malformed>(read_whole(head + record(24, "\x01") + tail)));
  CHECK(std::holds_alternative<Malformed>(read_whole(record(22, ""))));
  CHECK(std::holds_alternative<Malformed>(read_whole(be(22, 1) + be(0x0301, 2) + be(16385, 2))));
}

TEST_CASE("other_protocols_are_not_tls") {
  const std::string message = hello_message(server_name("ok.test"));
  for (const std::string& wire :
       {std::string("\x80\x2e\x01\x03\x01", 5),  // SSLv2
        record(20, "\x01"), record(21, "\x02\x28"), record(23, "data"), record(24, "beat"),
        std::string("SSH-2.0-x\r\n"), std::string("GET / HTTP/1.1\r\n"), be(22, 1) + be(0x0201, 2) + vec16(message),
        be(22, 1) + be(0x0305, 2) + vec16(message)}) {
    CAPTURE(wire);
    CHECK(std::holds_alternative<NotTls>(read_whole(wire)));
    CHECK(std::holds_alternative<NotTls>(read_in(wire, 1)));
    CHECK_FALSE(could_be_tls(as_bytes(wire)));
  }
  CHECK(could_be_tls(as_bytes(record(22, message))));
  CHECK(could_be_tls(as_bytes("\x16")));
}

TEST_CASE("a_hello_without_extensions_is_a_hello_without_a_name") {
  std::string message = hello_message("");
  message.resize(message.size() - 2);
  message[3] = static_cast<char>(message.size() - 4);
  CHECK(name_of(read_whole(record(22, message))) == "(no name)");
}

TEST_CASE("an_alert_is_one_plaintext_record") {
  CHECK(fatal_alert(AlertDescription::kAccessDenied) == AlertRecord{21, 3, 3, 0, 2, 2, 49});
}
