// What guests are sent, read back with c-ares' own name expansion left out: these are our bytes, so offsets are known.
#include <doctest/doctest.h>

#include "dns/local_names.h"
#include "dns/message.h"
#include "dns_bytes.h"

using namespace enforcer;
using namespace enforcer::dns;
using namespace enforcer::dns::test;

namespace {

Query query(unsigned type, std::string_view additional = "", Transport transport = Transport::kUdp) {
  const std::string wire = header({.flags = 0x0110, .additionals = additional.empty() ? 0U : 1U}) +
                           question("Ok.test", type) + std::string(additional);
  auto outcome = parse_query(as_bytes(wire), transport);
  REQUIRE(std::holds_alternative<Query>(outcome));
  return std::get<Query>(std::move(outcome));
}

std::string text(const Answer& answer) {
  return std::string(as_text(answer));
}

/// The root's SOA, which says for how long "no" may be remembered.
std::string soa(std::uint32_t ttl) {
  return record("", 6, ttl, std::string(2, '\0') + be32(1) + be32(3600) + be32(600) + be32(86400) + be32(ttl));
}

const std::string kPointer = "\xc0\x0c";
const std::string kId = "01J8ZQ5R3M8Q2V7W9X0Y1Z2A3B";
constexpr unsigned kAnswerFlags = 0x8190;  // response, recursion desired and available, checking disabled

}  // namespace

TEST_CASE("answers_with_addresses_of_the_family_asked_for") {
  const std::vector<IpAddress> both = {ip("198.18.0.1"), ip("fd77::1")};
  CHECK(text(make_addresses(query(1), both)) == header({.flags = kAnswerFlags, .answers = 1}) + question("Ok.test", 1) +
                                                    kPointer + be16(1) + be16(1) + be32(60) + be16(4) + "\xc6\x12" +
                                                    std::string("\x00\x01", 2));
  const std::string six = text(make_addresses(query(28), both, std::chrono::seconds(5)));
  CHECK(six.contains(kPointer + be16(28) + be16(1) + be32(5) + be16(16) + "\xfd\x77"));
  CHECK(six.substr(0, 12) == header({.flags = kAnswerFlags, .answers = 1}));
}

TEST_CASE("an_allowed_name_without_data_is_noerror_so_that_no_client_gives_up") {
  const std::string expected = header({.flags = kAnswerFlags, .authorities = 1}) + question("Ok.test", 28) + soa(60);
  CHECK(text(make_no_data(query(28))) == expected);
  CHECK(text(make_addresses(query(28), std::vector{ip("198.18.0.1")})) == expected);
}

TEST_CASE("a_denied_name_does_not_exist_for_one_second_and_says_why_to_edns_clients") {
  CHECK(text(make_denied(query(1), kId)) ==
        header({.flags = kAnswerFlags | 3, .authorities = 1}) + question("Ok.test", 1) + soa(1));
  CHECK(text(make_denied(query(1, opt(4096)), kId)) ==
        header({.flags = kAnswerFlags | 3, .authorities = 1, .additionals = 1}) + question("Ok.test", 1) + soa(1) +
            opt(kMaxUdpAnswer, 0, be16(15) + be16(28) + be16(15) + kId));
  CHECK(text(make_no_such_name(query(12))) ==
        header({.flags = kAnswerFlags | 3, .authorities = 1}) + question("Ok.test", 12) + soa(1));
}

TEST_CASE("an_answer_that_does_not_fit_is_cut_and_asks_for_tcp") {
  std::vector<IpAddress> many;
  for (std::uint32_t i = 1; i <= 50; ++i) many.push_back(IpAddress::v4(0xc6120000 + i));
  const std::string plain = text(make_addresses(query(1), many));
  CHECK(plain == header({.flags = kAnswerFlags | 0x0200}) + question("Ok.test", 1));
  CHECK(text(make_addresses(query(1, opt(512)), many)).size() <= 512);
  const std::string edns = text(make_addresses(query(1, opt(1232)), many));
  CHECK(edns.size() == 12 + 13 + 50 * 16 + 11);
  CHECK(text(make_addresses(query(1, "", Transport::kTcp), many)).substr(0, 12) ==
        header({.flags = kAnswerFlags, .answers = 50}));
  for (std::uint32_t i = 51; i <= 200; ++i) many.push_back(IpAddress::v4(0xc6120000 + i));
  CHECK(text(make_addresses(query(1, opt(65535)), many)).size() <= kMaxUdpAnswer);  // whatever the client says
}

TEST_CASE("errors_echo_what_could_be_read") {
  const auto malformed = parse_query(as_bytes(header({.questions = 2})), Transport::kUdp);
  CHECK(text(make_error(std::get<UnusableQuery>(malformed).echo, ResponseCode::kFormErr)) ==
        header({.flags = 0x8181, .questions = 0}));
  const auto update = parse_query(as_bytes(header({.flags = 5 << 11}) + question("ok.test", 6)), Transport::kUdp);
  CHECK(text(make_error(std::get<UnusableQuery>(update).echo, ResponseCode::kNotImp)) ==
        header({.flags = 0xa884, .questions = 0}));
  CHECK(text(make_error(query(1).echo, ResponseCode::kServFail)) ==
        header({.flags = kAnswerFlags | 2}) + question("Ok.test", 1));
  const auto version =
      parse_query(as_bytes(header({.additionals = 1}) + question("ok.test", 1) + opt(512, 9)), Transport::kUdp);
  const std::string answer = text(make_error(std::get<UnusableQuery>(version).echo, ResponseCode::kBadVersion));
  CHECK(answer.ends_with(std::string(1, '\0') + be16(41) + be16(kMaxUdpAnswer) + "\x01" + std::string(5, '\0')));
}

TEST_CASE("knows_the_names_that_are_answered_locally") {
  const auto name = [](std::string_view text) { return *HostName::parse(text); };
  CHECK(is_localhost(name("localhost")));
  CHECK(is_localhost(name("a.LocalHost.")));
  CHECK_FALSE(is_localhost(name("notlocalhost")));
  CHECK_FALSE(is_localhost(name("localhost.test")));
  CHECK(is_reverse_name(name("1.0.18.198.in-addr.arpa")));
  CHECK(is_reverse_name(name("ip6.arpa")));
  CHECK_FALSE(is_reverse_name(name("home.arpa")));
  CHECK(text(make_addresses(query(28), loopback_addresses())).ends_with(std::string(15, '\0') + "\x01"));
}
