// Drop reasons of TCP, and of having nobody to steer to.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath.h"

using namespace enforcer::bpf_test;

TEST_CASE_FIXTURE(Bench, "all_combinations_of_tcp_flags_are_judged") {
  constexpr int kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32;
  int fit = 0;
  for (int flags = 0; flags < 64; ++flags) {
    CAPTURE(flags);
    const int decisive = flags & ~(kPsh | kUrg);
    const bool good = decisive == kSyn || decisive == kAck || decisive == (kFin | kAck) || decisive == kRst ||
                      decisive == (kRst | kAck);
    const Tcp tcp{.flags = static_cast<std::uint8_t>(flags)};
    fit += good;
    if (good) {
      steers(Ethernet{} / IPv4{} / tcp);
      steers(Ethernet{} / IPv6{} / tcp);
    } else {
      drops(Ethernet{} / IPv4{} / tcp, ENFORCER_DROP_TCP_BAD);
      drops(Ethernet{} / IPv6{} / tcp, ENFORCER_DROP_TCP_BAD);
    }
  }
  CHECK(fit == 5 * 4);
  steers(Ethernet{} / IPv4{} / Tcp{.flags = 0xc2});  // SYN that offers ECN
}

TEST_CASE_FIXTURE(Bench, "tcp_ports_of_zero_and_wrong_header_lengths_are_tcp_bad") {
  steers(Ethernet{} / IPv4{} / Tcp{.source = 1, .destination = 1});
  drops(Ethernet{} / IPv4{} / Tcp{.source = 0}, ENFORCER_DROP_TCP_BAD);
  drops(Ethernet{} / IPv4{} / Tcp{.destination = 0}, ENFORCER_DROP_TCP_BAD);
  drops(Ethernet{} / IPv6{} / Tcp{.destination = 0}, ENFORCER_DROP_TCP_BAD);
  drops(Ethernet{} / IPv4{} / Tcp{.header_words = 4}, ENFORCER_DROP_TCP_BAD);
  drops(Ethernet{} / IPv4{} / Tcp{.header_words = 0}, ENFORCER_DROP_TCP_BAD);
  drops(Ethernet{} / IPv4{} / Tcp{.header_words = 6}, ENFORCER_DROP_TCP_BAD);
  drops(Ethernet{} / IPv6{} / Tcp{.header_words = 6}, ENFORCER_DROP_TCP_BAD);
  steers(Ethernet{} / IPv4{} / Tcp{.header_words = 6} / Payload(4));
}

TEST_CASE_FIXTURE(Bench, "the_gateways_own_address_is_steered_like_any_other") {
  steers(Ethernet{} / IPv4{.destination = kGatewayIpv4} / Tcp{.destination = 22});
  steers(Ethernet{} / IPv6{.destination = kGatewayIpv6} / Tcp{.destination = 22});
  steers(Ethernet{} / IPv4{.destination = kGatewayIpv4} / Udp{.destination = 53});
}

TEST_CASE_FIXTURE(Bench, "udp_to_any_resolver_is_steered_if_its_length_is_right") {
  steers(Ethernet{} / IPv4{.destination = "8.8.8.8"} / Udp{} / Payload("query"));
  steers(Ethernet{} / IPv6{.destination = "2001:4860:4860::8888"} / Udp{} / Payload("query"));
  drops(Ethernet{} / IPv4{} / Udp{.length = 7} / Payload("query"), ENFORCER_DROP_L2_SHORT);
  drops(Ethernet{} / IPv4{} / Udp{.length = 14} / Payload("query"), ENFORCER_DROP_L2_SHORT);
  drops(Ethernet{} / IPv6{} / Udp{.length = 14} / Payload("query"), ENFORCER_DROP_L2_SHORT);
}

TEST_CASE_FIXTURE(Bench, "invariant_11_without_a_listener_tcp_is_dropped") {
  const Packet tcp = Ethernet{} / IPv4{} / Tcp{};
  const Packet tcp6 = Ethernet{} / IPv6{} / Tcp{};
  steers(tcp);
  // enforcerd has not said that it is ready, or said nonsense.
  for (std::uint32_t workers : {0u, 65u, 0xffffffffu}) {
    datapath().set_workers(workers);
    drops(tcp, ENFORCER_DROP_NO_LISTENER);
    drops(tcp6, ENFORCER_DROP_NO_LISTENER);
  }
  datapath().set_workers(1);
  steers(tcp);
  // enforcerd died: its sockets leave the map by themselves.
  close_listener();
  drops(tcp, ENFORCER_DROP_NO_LISTENER);
  drops(tcp6, ENFORCER_DROP_NO_LISTENER);
}

TEST_CASE_FIXTURE(Bench, "invariant_11_without_the_dns_socket_dns_is_dropped") {
  const Packet query = Ethernet{} / IPv4{} / Udp{} / Payload("query");
  steers(query);
  close_dns_socket();
  drops(query, ENFORCER_DROP_NO_LISTENER);
  steers(Ethernet{} / IPv4{} / Tcp{});
}
