// The answers to what is refused at once: their bytes, their checksums, and their budget.
#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "datapath.h"

using namespace enforcer::bpf_test;

namespace {

constexpr std::uint64_t kNever = ~std::uint64_t{0} / 2;  // a refill in the far future: none happens

bool starts_with_macs(const Bytes& frame, const Mac& destination, const Mac& source) {
  return std::equal(destination.begin(), destination.end(), frame.begin()) &&
         std::equal(source.begin(), source.end(), frame.begin() + 6);
}

// The quoted packet, but for its transport checksum at `check`.
void check_quote(const Bytes& answer, std::size_t quote, const Bytes& original, std::size_t size, std::size_t check) {
  for (std::size_t i = 0; i < size; ++i)
    if (i != check && i != check + 1) CHECK(answer[quote + i] == original[14 + i]);
}

void check_answer_ipv4(const Bytes& answer, const Bytes& original, std::size_t check) {
  const enforcer_guest guest = test_guest();
  REQUIRE(answer.size() == 14 + 20 + 8 + 20 + 8);
  CHECK(starts_with_macs(answer, kGuestMac, kGatewayMac));
  CHECK(ones_sum(&answer[14], 20) == 0xffff);
  CHECK(ones_sum(&answer[34], 36) == 0xffff);
  CHECK(answer[14 + 9] == IPPROTO_ICMP);
  CHECK(std::memcmp(&answer[14 + 12], &guest.gateway_ipv4, 4) == 0);
  CHECK(std::memcmp(&answer[14 + 16], &guest.guest_ipv4, 4) == 0);
  CHECK(answer[34] == 3);
  CHECK(answer[35] == 13);
  check_quote(answer, 42, original, 28, check);
}

void check_answer_ipv6(const Bytes& answer, const Bytes& original, std::size_t check) {
  REQUIRE(answer.size() == 14 + 40 + 8 + 40 + 8);
  CHECK(starts_with_macs(answer, kGuestMac, kGatewayMac));
  CHECK(ones_sum(&answer[54], 56, pseudo_sum(&answer[14], 56, IPPROTO_ICMPV6)) == 0xffff);
  CHECK(std::memcmp(&answer[14 + 8], test_guest().gateway_ipv6, 16) == 0);
  CHECK(std::memcmp(&answer[14 + 24], test_guest().guest_ipv6, 16) == 0);
  CHECK(answer[54] == 1);
  CHECK(answer[55] == 1);
  check_quote(answer, 62, original, 48, check);
}

}  // namespace

TEST_CASE_FIXTURE(Bench, "udp_to_other_ports_is_answered_with_administratively_prohibited") {
  for (std::uint16_t port : {443, 123, 853, 5353, 52, 54, 0}) {
    CAPTURE(port);
    const Packet quic = Ethernet{} / IPv4{} / Udp{.destination = port} / Payload(1200);
    check_answer_ipv4(rejects(quic, ENFORCER_DROP_UDP_PORT), quic.bytes(), 26);
    const Packet quic6 = Ethernet{} / IPv6{} / Udp{.destination = port} / Payload(1200);
    check_answer_ipv6(rejects(quic6, ENFORCER_DROP_UDP_PORT), quic6.bytes(), 46);
  }
  steers(Ethernet{} / IPv4{} / Udp{.destination = 53} / Payload(1200));
}

TEST_CASE_FIXTURE(Bench, "udp_without_data_and_padded_udp_is_answered_too") {
  const Packet empty = Ethernet{} / IPv4{} / Udp{.destination = 443};
  check_answer_ipv4(rejects(empty, ENFORCER_DROP_UDP_PORT), empty.bytes(), 26);
  const Packet padded = Ethernet{} / IPv4{.total_length = 28} / Udp{.destination = 443, .length = 8} / Payload(18);
  check_answer_ipv4(rejects(padded, ENFORCER_DROP_UDP_PORT), padded.bytes(), 26);
}

TEST_CASE_FIXTURE(Bench, "finishing_the_quoted_checksum_changes_nothing") {
  // Whoever finishes a partial checksum sums the quoted UDP header with the value that stands there, and writes the
  // complement, 0xffff for 0.
  std::vector<Udp> headers{{.source = 0xffff - 8 - 443, .destination = 443}};  // the sum that has no half but 0
  for (std::uint32_t port = 54; port < 0x10000; port += 13)
    headers.push_back(
        {.source = static_cast<std::uint16_t>(port * 7), .destination = static_cast<std::uint16_t>(port)});
  for (const Udp& header : headers) {
    datapath().set_budgets(kSlot, {.answers = {.refilled_ns = kNever, .tokens = 1}, .connects = {}, .queries = {}});
    Outcome outcome = datapath().run_egress((Ethernet{} / IPv4{} / header).bytes(), ifindex());
    REQUIRE(outcome.action == TC_ACT_REDIRECT);
    const std::uint8_t* udp = &outcome.frame[62];
    const auto stands = static_cast<std::uint16_t>(udp[6] << 8 | udp[7]);
    std::uint16_t finished = ~ones_sum(udp, 8) & 0xffff;
    if (finished == 0) finished = 0xffff;
    REQUIRE(finished == stands);
  }
}

TEST_CASE_FIXTURE(Bench, "icmp_requests_are_answered_with_administratively_prohibited") {
  for (std::uint8_t type : {0, 8, 13, 15, 17, 42}) {
    CAPTURE(type);
    const Packet ping = Ethernet{} / IPv4{} / Icmp{.type = type} / Payload(56);
    const Bytes answer = rejects(ping, ENFORCER_DROP_ICMP);
    check_answer_ipv4(answer, ping.bytes(), 1000);
  }
  const Packet ping6 = Ethernet{} / IPv6{} / Icmp6{} / Payload(56);
  check_answer_ipv6(rejects(ping6, ENFORCER_DROP_ICMP), ping6.bytes(), 1000);
}

TEST_CASE_FIXTURE(Bench, "an_icmp_error_is_never_answered") {
  rejects(Ethernet{} / IPv4{} / Icmp{.type = 8}, ENFORCER_DROP_ICMP);
  for (std::uint8_t type : {3, 4, 5, 11, 12}) drops(Ethernet{} / IPv4{} / Icmp{.type = type}, ENFORCER_DROP_ICMP);
  rejects(Ethernet{} / IPv6{} / Icmp6{.type = 128}, ENFORCER_DROP_ICMP);
  for (std::uint8_t type : {1, 2, 3, 4, 100, 127}) drops(Ethernet{} / IPv6{} / Icmp6{.type = type}, ENFORCER_DROP_ICMP);
}

TEST_CASE_FIXTURE(Bench, "answers_come_out_of_the_guests_budget") {
  const Packet quic = Ethernet{} / IPv4{} / Udp{.destination = 443};
  datapath().set_budgets(kSlot, {.answers = {.refilled_ns = kNever, .tokens = 2}, .connects = {}, .queries = {}});
  rejects(quic, ENFORCER_DROP_UDP_PORT);
  rejects(quic, ENFORCER_DROP_UDP_PORT);
  drops(quic, ENFORCER_DROP_UDP_PORT);
  drops(Ethernet{} / IPv4{} / Icmp{}, ENFORCER_DROP_ICMP);
  drops(Ethernet{} / IPv6{} / Udp{.destination = 443}, ENFORCER_DROP_UDP_PORT);
}

TEST_CASE_FIXTURE(Bench, "the_budget_refills_with_time_up_to_its_size") {
  const Packet quic = Ethernet{} / IPv4{} / Udp{.destination = 443};
  datapath().set_budgets(kSlot, {.answers = {.refilled_ns = 0, .tokens = 0}, .connects = {}, .queries = {}});
  rejects(quic, ENFORCER_DROP_UDP_PORT);
  // A long rest is worth 64 answers, not more; the ones beyond need 10 ms each.
  datapath().set_budgets(kSlot, {.answers = {.refilled_ns = 0, .tokens = 0}, .connects = {}, .queries = {}});
  auto before = datapath().counters(kSlot);
  for (int i = 0; i < 300; ++i) datapath().run_egress(quic.bytes(), ifindex());
  auto change = datapath().counters(kSlot) - before;
  CHECK(change.drops[ENFORCER_DROP_UDP_PORT] == 300);
  CHECK(change.verdicts[ENFORCER_VERDICT_REJECTED] >= 64);
  CHECK(change.verdicts[ENFORCER_VERDICT_DROPPED] > 0);
  CHECK(sum_of_verdicts(change) == 300);
}

TEST_CASE_FIXTURE(Bench, "invariant_10_one_guest_cannot_spend_the_budget_of_another") {
  const Packet quic = Ethernet{} / IPv4{} / Udp{.destination = 443};
  datapath().set_budgets(kSlot, {.answers = {.refilled_ns = kNever, .tokens = 0}, .connects = {}, .queries = {}});
  drops(quic, ENFORCER_DROP_UDP_PORT);
  shell("ip link add g8 type veth peer name peer8");
  enforcer_guest second = test_guest();
  second.slot = 8;
  datapath().add_guest(interface_index("g8"), second);
  datapath().add_counters(8);
  CHECK(datapath().run_egress(quic.bytes(), interface_index("g8")).action == TC_ACT_REDIRECT);
  CHECK(datapath().counters(8).verdicts[ENFORCER_VERDICT_REJECTED] == 1);
}
