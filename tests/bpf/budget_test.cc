// What one guest may make us do in a second, before enforcerd has seen it.
#include <doctest/doctest.h>

#include "datapath.h"

using namespace enforcer::bpf_test;

namespace {

constexpr std::uint64_t kNoRefill = ~std::uint64_t{0} / 2;  // in the far future

/// Nothing left but these tokens, and no refill.
enforcer_budgets left(std::uint64_t connects, std::uint64_t queries) {
  return {.answers = {.refilled_ns = kNoRefill, .tokens = 0},
          .connects = {.refilled_ns = kNoRefill, .tokens = connects},
          .queries = {.refilled_ns = kNoRefill, .tokens = queries}};
}

}  // namespace

TEST_CASE_FIXTURE(Bench, "packets_of_no_connection_come_out_of_the_guests_budget") {
  datapath().set_budgets(kSlot, left(3, 0));
  steers(Ethernet{} / IPv4{} / Tcp{});
  steers(Ethernet{} / IPv6{} / Tcp{});
  steers(Ethernet{} / IPv4{} / Tcp{.flags = 0x10});  // a stray, which would cost a reset
  drops(Ethernet{} / IPv4{} / Tcp{}, ENFORCER_DROP_CONNECT_RATE);
  drops(Ethernet{} / IPv6{} / Tcp{}, ENFORCER_DROP_CONNECT_RATE);
  drops(Ethernet{} / IPv4{} / Tcp{.flags = 0x10}, ENFORCER_DROP_CONNECT_RATE);
  drops(Ethernet{} / IPv4{} / Tcp{.flags = 0x12}, ENFORCER_DROP_TCP_BAD);  // what is wrong anyway is called that
}

TEST_CASE_FIXTURE(Bench, "queries_come_out_of_the_guests_budget") {
  datapath().set_budgets(kSlot, left(1, 2));
  steers(Ethernet{} / IPv4{} / Udp{.destination = 53});
  steers(Ethernet{} / IPv6{} / Udp{.destination = 53});
  drops(Ethernet{} / IPv4{} / Udp{.destination = 53}, ENFORCER_DROP_QUERY_RATE);
  drops(Ethernet{} / IPv6{} / Udp{.destination = 53}, ENFORCER_DROP_QUERY_RATE);
  steers(Ethernet{} / IPv4{} / Tcp{});  // another budget
}

TEST_CASE_FIXTURE(Bench, "a_second_is_worth_the_rate_and_a_long_rest_no_more") {
  enforcer_guest guest = test_guest();
  guest.connects_per_second = 100;
  datapath().add_guest(ifindex(), guest);
  const Bytes syn = (Ethernet{} / IPv4{} / Tcp{}).bytes();
  const auto before = datapath().counters(kSlot);
  for (int i = 0; i < 1000; ++i) datapath().run_egress(syn, ifindex());
  const auto change = datapath().counters(kSlot) - before;
  CHECK(change.drops[ENFORCER_DROP_SK_ASSIGN_FAIL] >= 100);  // went through to the socket
  CHECK(change.drops[ENFORCER_DROP_CONNECT_RATE] > 0);
  CHECK(sum_of_verdicts(change) == 1000);
  datapath().set_budgets(kSlot, {.answers = {}, .connects = {.refilled_ns = 0, .tokens = 0}, .queries = {}});
  const auto rested = datapath().counters(kSlot);
  for (int i = 0; i < 1000; ++i) datapath().run_egress(syn, ifindex());
  const auto then = datapath().counters(kSlot) - rested;
  CHECK(then.drops[ENFORCER_DROP_SK_ASSIGN_FAIL] >= 100);
  CHECK(then.drops[ENFORCER_DROP_CONNECT_RATE] > 0);
}

TEST_CASE_FIXTURE(Bench, "a_rate_of_zero_is_nothing_at_all") {
  enforcer_guest guest = test_guest();
  guest.connects_per_second = guest.queries_per_second = 0;
  datapath().add_guest(ifindex(), guest);
  drops(Ethernet{} / IPv4{} / Tcp{}, ENFORCER_DROP_CONNECT_RATE);
  drops(Ethernet{} / IPv4{} / Udp{.destination = 53}, ENFORCER_DROP_QUERY_RATE);
}
