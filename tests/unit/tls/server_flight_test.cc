#include "tls/server_flight.h"

#include <doctest/doctest.h>

#include "hello_bytes.h"

using namespace enforcer;
using namespace enforcer::tls;
using namespace enforcer::tls::test;

namespace {

const std::string kRandom(32, 'R');
const std::string kCcs = record(20, "\x01");
const std::string kHello = hello_message(server_name("ok.test") + alpn({"h2"}));

ClientHello parsed(const std::string& message) {
  auto outcome = parse_client_hello(as_bytes(message));
  REQUIRE(std::holds_alternative<ClientHello>(outcome));
  return std::get<ClientHello>(std::move(outcome));
}

ServerFlight after_retry() {
  ServerFlight flight(parsed(kHello));
  REQUIRE(flight.server_bytes(as_bytes(record(22, server_hello_message(kRetry)) + kCcs)) == FlightVerdict::kForward);
  REQUIRE_FALSE(flight.settled());
  return flight;
}

FlightVerdict client_says(ServerFlight& flight, const std::string& wire) {
  return flight.client_bytes(as_bytes(wire));
}
FlightVerdict origin_says(ServerFlight& flight, const std::string& wire) {
  return flight.server_bytes(as_bytes(wire));
}

}  // namespace

TEST_CASE("settles_at_the_first_server_hello") {
  ServerFlight flight(parsed(kHello));
  // TLS 1.2 puts the certificate into the same record.
  CHECK(origin_says(flight, record(22, server_hello_message(kRandom) + "certificate")) == FlightVerdict::kSettled);
  CHECK(flight.settled());
}

TEST_CASE("settles_when_the_server_hello_comes_byte_by_byte_and_record_by_record") {
  const std::string wire = records(server_hello_message(kRandom), 1);
  ServerFlight flight(parsed(kHello));
  std::size_t at = 0;
  while (at < wire.size() && origin_says(flight, wire.substr(at, 1)) == FlightVerdict::kForward) ++at;
  CHECK(flight.settled());
  CHECK(flight.why() == "");
}

TEST_CASE("passes_a_retry_with_the_same_name") {
  ServerFlight flight = after_retry();
  CHECK(client_says(flight, kCcs + record(22, kHello)) == FlightVerdict::kForward);
  CHECK(origin_says(flight, record(22, server_hello_message(kRandom))) == FlightVerdict::kSettled);
}

TEST_CASE("invariant_7_holds_the_second_hello_until_it_is_complete_and_checked") {
  ServerFlight flight = after_retry();
  const std::string wire = records(kHello, 30);
  for (std::size_t at = 0; at + 1 < wire.size(); ++at) {
    REQUIRE(client_says(flight, wire.substr(at, 1)) == FlightVerdict::kHold);
  }
  CHECK(client_says(flight, wire.substr(wire.size() - 1)) == FlightVerdict::kForward);
}

TEST_CASE("invariant_4_closes_when_the_second_hello_names_another_host") {
  for (const std::string& extensions :
       {server_name("no.test") + alpn({"h2"}), alpn({"h2"}), server_name("ok.test") + alpn({"http/1.1"}),
        server_name("OK.test") + alpn({"h2"}), server_name("ok.test") + alpn({"h2"}) + extension(0xfe0d, "x")}) {
    ServerFlight flight = after_retry();
    CHECK(client_says(flight, record(22, hello_message(extensions))) == FlightVerdict::kClose);
    CHECK(flight.why() == "client: second hello asks for something else");
    CHECK(client_says(flight, kCcs) == FlightVerdict::kClose);
  }
}

TEST_CASE("closes_when_the_second_hello_comes_before_the_retry_and_names_another_host") {
  ServerFlight flight(parsed(kHello));
  CHECK(client_says(flight, record(22, hello_message(server_name("no.test")))) == FlightVerdict::kClose);
}

TEST_CASE("closes_on_a_third_hello_and_on_a_second_retry") {
  ServerFlight flight = after_retry();
  REQUIRE(client_says(flight, record(22, kHello)) == FlightVerdict::kForward);
  SUBCASE("third hello") {
    CHECK(client_says(flight, record(22, kHello)) == FlightVerdict::kClose);
  }
  SUBCASE("second retry") {
    CHECK(origin_says(flight, record(22, server_hello_message(kRetry))) == FlightVerdict::kClose);
  }
}

TEST_CASE("closes_when_the_second_hello_is_malformed_or_interleaved") {
  ServerFlight flight = after_retry();
  SUBCASE("two names") {
    CHECK(client_says(flight, record(22, hello_message(server_name("ok.test") + server_name("no.test")))) ==
          FlightVerdict::kClose);
  }
  SUBCASE("another record inside") {
    CHECK(client_says(flight, record(22, kHello.substr(0, 10)) + kCcs) == FlightVerdict::kClose);
  }
  SUBCASE("bytes behind it") {
    CHECK(client_says(flight, record(22, kHello + "x")) == FlightVerdict::kClose);
  }
  SUBCASE("no handshake message of a client") {
    CHECK(client_says(flight, record(22, server_hello_message(kRandom))) == FlightVerdict::kClose);
  }
  SUBCASE("too large") {
    CHECK(client_says(flight, record(22, "\x01\xff\xff\xff")) == FlightVerdict::kClose);
  }
  SUBCASE("not TLS") {
    CHECK(client_says(flight, "GET / HTTP/1.1\r\n\r\n") == FlightVerdict::kClose);
  }
}

TEST_CASE("early_data_passes_only_when_it_was_offered") {
  ServerFlight without(parsed(kHello));
  CHECK(client_says(without, record(23, "early")) == FlightVerdict::kClose);

  const std::string offering = hello_message(server_name("ok.test") + extension(42, ""));
  ServerFlight with(parsed(offering));
  CHECK(client_says(with, kCcs + record(23, "early")) == FlightVerdict::kForward);
  CHECK(client_says(with, record(23, "more").substr(0, 7)) == FlightVerdict::kHold);
  CHECK(client_says(with, record(23, "more").substr(7)) == FlightVerdict::kForward);
  REQUIRE(origin_says(with, record(22, server_hello_message(kRetry))) == FlightVerdict::kForward);
  CHECK(client_says(with, record(22, hello_message(server_name("ok.test")))) == FlightVerdict::kForward);
}

TEST_CASE("an_alert_of_the_origin_is_forwarded_and_does_not_end_the_watch") {
  ServerFlight flight(parsed(kHello));
  CHECK(origin_says(flight, record(21, "\x01\x70")) == FlightVerdict::kForward);
  CHECK_FALSE(flight.settled());
  REQUIRE(origin_says(flight, record(22, server_hello_message(kRetry))) == FlightVerdict::kForward);
  CHECK(client_says(flight, record(22, hello_message(server_name("no.test")))) == FlightVerdict::kClose);
}

TEST_CASE("closes_when_the_origin_does_not_answer_with_a_server_hello") {
  for (const std::string& wire :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("SSH-2.0-OpenSSH_9\r\n"), record(23, "data"), kCcs,
        record(22, std::string("\x00\x00\x00\x00", 4)), record(22, std::string("\x02\x00\x00\x05hello", 9)),
        record(22, "\x02\xff\xff\xff"), record(22, ""), record(22, server_hello_message(kRetry) + "x")}) {
    CAPTURE(wire);
    ServerFlight flight(parsed(kHello));
    CHECK(origin_says(flight, wire) == FlightVerdict::kClose);
    CHECK(flight.why() != "");
  }
}
