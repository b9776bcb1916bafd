// Drop reasons of the link layer. Every negative differs from its positive control in one thing.
#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "datapath.h"

using namespace enforcer::bpf_test;

TEST_CASE_FIXTURE(Bench, "unknown_guest_is_dropped_and_counted_for_nobody") {
  const Bytes frame = (Ethernet{} / IPv4{} / Tcp{}).bytes();
  shell("ip link add stranger type veth peer name other");
  auto nobody = datapath().counters(0);
  auto guest = datapath().counters(kSlot);
  CHECK(datapath().run_egress(frame, interface_index("stranger")).action == TC_ACT_SHOT);
  auto change = datapath().counters(0) - nobody;
  CHECK(change.drops[ENFORCER_DROP_UNKNOWN_GUEST] == 1);
  CHECK(change.verdicts[ENFORCER_VERDICT_DROPPED] == 1);
  CHECK(sum_of_verdicts(change) == 1);
  CHECK(change.egress_bytes == frame.size());
  CHECK(sum_of_verdicts(datapath().counters(kSlot) - guest) == 0);
  steers(frame);
}

TEST_CASE_FIXTURE(Bench, "ingress_towards_an_unknown_guest_is_dropped") {
  const Bytes frame = (Ethernet{.destination = kGuestMac, .source = kGatewayMac} /
                       IPv4{.source = kOriginIpv4, .destination = kGuestIpv4} / Tcp{})
                          .bytes();
  shell("ip link add stranger type veth peer name other");
  auto nobody = datapath().counters(0);
  CHECK(datapath().run_ingress(frame, interface_index("stranger"), kMark).action == TC_ACT_SHOT);
  auto change = datapath().counters(0) - nobody;
  CHECK(change.drops[ENFORCER_DROP_UNKNOWN_GUEST] == 1);
  CHECK(sum_of_verdicts(change) == 1);
  CHECK(change.ingress_bytes == 0);
}

TEST_CASE_FIXTURE(Bench, "invariant_8_a_guest_that_cannot_be_counted_gets_nothing_through") {
  const Packet packet = Ethernet{} / IPv4{} / Tcp{};
  steers(packet);
  datapath().remove_counters(kSlot);
  auto nobody = datapath().counters(0);
  CHECK(datapath().run_egress(packet.bytes(), ifindex()).action == TC_ACT_SHOT);
  CHECK(datapath().run_egress((Ethernet{.destination = kBroadcastMac} / Arp{}).bytes(), ifindex()).action ==
        TC_ACT_SHOT);
  auto change = datapath().counters(0) - nobody;
  CHECK(change.drops[ENFORCER_DROP_MAP_FAIL] == 2);
  CHECK(sum_of_verdicts(change) == 2);

  // Not even slot 0 is there: nothing is counted, and still nothing passes.
  datapath().remove_counters(0);
  CHECK(datapath().run_egress(packet.bytes(), ifindex()).action == TC_ACT_SHOT);
  datapath().add_counters(0);
  datapath().add_counters(kSlot);
  steers(packet);
}

TEST_CASE_FIXTURE(Bench, "slot_zero_is_no_guest") {
  enforcer_guest guest = test_guest();
  guest.slot = 0;
  datapath().add_guest(ifindex(), guest);
  auto nobody = datapath().counters(0);
  CHECK(datapath().run_egress((Ethernet{} / IPv4{} / Tcp{}).bytes(), ifindex()).action == TC_ACT_SHOT);
  CHECK((datapath().counters(0) - nobody).drops[ENFORCER_DROP_MAP_FAIL] == 1);
}

// A frame cut inside its IP header goes over a wire (live_frames_test.cc): test runs refuse it.
TEST_CASE_FIXTURE(Bench, "transport_headers_that_are_not_all_there_are_l2_short") {
  steers(Ethernet{} / IPv4{} / Tcp{});
  drops(Ethernet{} / IPv4{.protocol = IPPROTO_TCP} / Payload(19), ENFORCER_DROP_L2_SHORT);
  drops(Ethernet{} / IPv4{.protocol = IPPROTO_UDP} / Payload(7), ENFORCER_DROP_L2_SHORT);
  drops(Ethernet{} / IPv4{.protocol = IPPROTO_ICMP} / Payload(7), ENFORCER_DROP_L2_SHORT);

  steers(Ethernet{} / IPv6{} / Tcp{});
  drops(Ethernet{} / IPv6{.next_header = IPPROTO_TCP} / Payload(19), ENFORCER_DROP_L2_SHORT);
  drops(Ethernet{} / IPv6{.next_header = IPPROTO_ICMPV6} / Payload(7), ENFORCER_DROP_L2_SHORT);
}

TEST_CASE_FIXTURE(Bench, "vlan_tags_in_the_bytes_are_dropped") {
  steers(Ethernet{} / IPv4{} / Tcp{});
  drops(Ethernet{} / Vlan{} / IPv4{} / Tcp{}, ENFORCER_DROP_L2_VLAN);
  for (std::uint16_t type : {0x8100, 0x88a8, 0x9100, 0x9200, 0x9300}) {
    CAPTURE(type);
    drops(Ethernet{.type = type} / Vlan{.id = 0} / IPv4{} / Tcp{}, ENFORCER_DROP_L2_VLAN);
  }
}

TEST_CASE_FIXTURE(Bench, "an_802_3_length_is_l2_llc") {
  steers(Ethernet{} / IPv4{} / Tcp{});
  for (std::uint16_t length : {0x0000, 0x0001, 0x0028, 0x05dc, 0x05ff}) {
    CAPTURE(length);
    drops(Ethernet{.type = length} / IPv4{} / Tcp{}, ENFORCER_DROP_L2_LLC);
  }
  drops(Ethernet{.type = 0x0600} / IPv4{} / Tcp{}, ENFORCER_DROP_L2_ETHERTYPE);
}

TEST_CASE_FIXTURE(Bench, "foreign_ethertypes_are_dropped") {
  steers(Ethernet{.type = 0x0800} / IPv4{} / Tcp{});
  for (std::uint16_t type : {0x8847, 0x8863, 0x888e, 0x88cc, 0x88ca, 0x88a2, 0x88e5, 0x9000}) {
    CAPTURE(type);
    drops(Ethernet{.type = type} / IPv4{} / Tcp{}, ENFORCER_DROP_L2_ETHERTYPE);
  }
}

TEST_CASE_FIXTURE(Bench, "a_source_mac_that_is_not_the_guests_is_dropped") {
  steers(Ethernet{.source = kGuestMac} / IPv4{} / Tcp{});
  Mac group = kGuestMac;
  group[0] |= 1;
  for (const Mac& mac : {kOtherMac, kGatewayMac, kBroadcastMac, Mac{}, group}) {
    drops(Ethernet{.source = mac} / IPv4{} / Tcp{}, ENFORCER_DROP_L2_SRCMAC);
    drops(Ethernet{.destination = kBroadcastMac, .source = mac} / Arp{}, ENFORCER_DROP_L2_SRCMAC);
  }
  for (std::size_t i = 0; i < 6; ++i) {
    Mac near = kGuestMac;
    near[i] ^= 0x10;
    drops(Ethernet{.source = near} / IPv6{} / Tcp{}, ENFORCER_DROP_L2_SRCMAC);
  }
}

TEST_CASE_FIXTURE(Bench, "a_destination_mac_that_is_not_the_gateways_is_dropped") {
  steers(Ethernet{.destination = kGatewayMac} / IPv4{} / Tcp{});
  for (const Mac& mac : {kOtherMac, kGuestMac, kBroadcastMac, Mac{}, Mac{0x01, 0, 0x5e, 0, 0, 1}}) {
    drops(Ethernet{.destination = mac} / IPv4{} / Tcp{}, ENFORCER_DROP_L2_DSTMAC);
    drops(Ethernet{.destination = mac} / IPv6{} / Tcp{}, ENFORCER_DROP_L2_DSTMAC);
    drops(Ethernet{.destination = mac} / IPv4{} / Udp{}, ENFORCER_DROP_L2_DSTMAC);
  }
}
