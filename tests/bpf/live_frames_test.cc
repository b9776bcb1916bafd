// Single frames over a real veth: what BPF_PROG_TEST_RUN cannot show.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "wire.h"

using namespace enforcer::bpf_test;

namespace {

void check_dropped(Wire& wire, const Bytes& frame, enforcer_drop_reason reason) {
  wire.forget();
  wire.send_raw(frame);
  auto change = wire.changes(1);
  CHECK(change.drops[reason] == 1);
  CHECK(change.verdicts[ENFORCER_VERDICT_DROPPED] == 1);
  CHECK(sum_of_verdicts(change) == 1);
  CHECK(sum_of_drops(change) == 1);
}

// A SYN that is steered is answered with SYN+ACK.
void check_steered(Wire& wire, const Packet& packet, std::uint16_t ethertype) {
  wire.forget();
  wire.send_raw(packet.bytes());
  CHECK_FALSE(wire.receive_raw(ethertype).empty());
  auto change = wire.changes(2);
  CHECK(change.verdicts[ENFORCER_VERDICT_STEERED] >= 1);
  CHECK(change.verdicts[ENFORCER_VERDICT_DELIVERED] >= 1);
  CHECK(sum_of_drops(change) == 0);
}

}  // namespace

TEST_CASE("a_vlan_tag_that_the_kernel_moved_into_metadata_is_dropped") {
  Wire wire;
  check_steered(wire, Ethernet{} / IPv4{} / Tcp{.source = 40001}, 0x0800);
  // The kernel takes the outer tag out of the bytes before tc sees them, for 802.1Q and 802.1ad.
  check_dropped(wire, (Ethernet{} / Vlan{} / IPv4{} / Tcp{}).bytes(), ENFORCER_DROP_L2_VLAN);
  check_dropped(wire, (Ethernet{.type = 0x88a8} / Vlan{} / IPv4{} / Tcp{}).bytes(), ENFORCER_DROP_L2_VLAN);
  check_dropped(wire, (Ethernet{} / Vlan{.id = 0} / IPv4{} / Tcp{}).bytes(), ENFORCER_DROP_L2_VLAN);
}

TEST_CASE("frames_that_end_inside_the_ip_header_are_l2_short") {
  Wire wire;
  check_steered(wire, Ethernet{} / IPv4{} / Tcp{.source = 40001}, 0x0800);
  const Packet v4 = Ethernet{} / IPv4{} / Tcp{};
  for (std::size_t size : {15, 20, 33}) check_dropped(wire, v4.cut_to(size), ENFORCER_DROP_L2_SHORT);
  check_dropped(wire, v4.cut_to(34), ENFORCER_DROP_IP_VER);
  const Packet v6 = Ethernet{} / IPv6{} / Tcp{};
  for (std::size_t size : {15, 53}) check_dropped(wire, v6.cut_to(size), ENFORCER_DROP_L2_SHORT);
}

TEST_CASE("headers_outside_the_linear_area_are_pulled") {
  Wire wire;
  // From 4 KiB on, a packet socket puts only the Ethernet header into the linear area.
  check_steered(wire, Ethernet{} / IPv4{} / Tcp{.source = 40001} / Payload(6000), 0x0800);
  check_steered(wire, Ethernet{} / IPv6{} / Tcp{.source = 40001} / Payload(6000), 0x86dd);
  check_dropped(wire, (Ethernet{} / IPv4{.fragment = 0x2000} / Tcp{} / Payload(6000)).bytes(), ENFORCER_DROP_IP_FRAG);
  check_dropped(wire, (Ethernet{} / IPv4{} / Tcp{.flags = 3} / Payload(6000)).bytes(), ENFORCER_DROP_TCP_BAD);
  check_dropped(wire, (Ethernet{} / IPv6{.source = "fd77:e::9"} / Tcp{} / Payload(6000)).bytes(),
                ENFORCER_DROP_IP_SRC_SPOOF);
}

TEST_CASE("the_kernel_answers_arp_and_nd_for_the_gateway_only") {
  Wire wire;
  wire.send_raw((Ethernet{.destination = kBroadcastMac} / Arp{}).bytes());
  const Bytes arp = wire.receive_raw(0x0806);
  REQUIRE(arp.size() >= 42);
  CHECK(arp[21] == 2);
  CHECK(std::equal(kGatewayMac.begin(), kGatewayMac.end(), arp.begin() + 22));
  auto change = wire.changes(2);
  CHECK(change.verdicts[ENFORCER_VERDICT_NEIGHBOUR] == 1);
  CHECK(change.verdicts[ENFORCER_VERDICT_DELIVERED] == 1);

  wire.forget();
  wire.send_raw((Ethernet{.destination = {0x33, 0x33, 0xff, 0, 0, 1}} /
                 IPv6{.destination = "ff02::1:ff00:1", .hop_limit = 255} / Neighbour{})
                    .bytes());
  const Bytes nd = wire.receive_raw(0x86dd);
  REQUIRE(nd.size() >= 14 + 40 + 24);
  CHECK(nd[54] == 136);
  check_dropped(wire, (Ethernet{.destination = kBroadcastMac} / Arp{.target = "10.77.0.10"}).bytes(),
                ENFORCER_DROP_ARP_SPOOF);
}

TEST_CASE("a_packet_of_no_connection_is_answered_with_a_reset") {
  Wire wire;
  constexpr std::uint8_t kAck = 0x10, kRst = 0x04;
  wire.send_raw((Ethernet{} / IPv4{} / Tcp{.flags = kAck, .acknowledgement = 77}).bytes());
  const Bytes reset = wire.receive_raw(0x0800);
  REQUIRE(reset.size() >= 54);
  CHECK((reset[14 + 20 + 13] & kRst) != 0);

  wire.send_raw((Ethernet{} / IPv6{} / Tcp{.flags = kAck, .acknowledgement = 77}).bytes());
  const Bytes reset6 = wire.receive_raw(0x86dd);
  REQUIRE(reset6.size() >= 74);
  CHECK((reset6[14 + 40 + 13] & kRst) != 0);
  auto change = wire.changes(4);
  CHECK(change.verdicts[ENFORCER_VERDICT_STEERED] == 2);
  CHECK(change.verdicts[ENFORCER_VERDICT_DELIVERED] == 2);
}

TEST_CASE("sk_assign_fails_for_a_listener_of_another_namespace") {
  Wire wire;
  check_steered(wire, Ethernet{} / IPv4{} / Tcp{.source = 40001}, 0x0800);
  wire.guest().enter();
  Socket stranger(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(listen(stranger.fd(), 8) == 0);
  wire.datapath().set_listener(0, stranger.fd());
  check_dropped(wire, (Ethernet{} / IPv4{} / Tcp{.source = 40002}).bytes(), ENFORCER_DROP_SK_ASSIGN_FAIL);
  wire.datapath().set_listener(0, wire.listener(0).fd());
  check_steered(wire, Ethernet{} / IPv4{} / Tcp{.source = 40003}, 0x0800);
}

TEST_CASE("invariant_11_a_syn_without_a_listener_gets_silence") {
  Wire wire;
  wire.listener(0).reset();
  check_dropped(wire, (Ethernet{} / IPv4{} / Tcp{.source = 40001}).bytes(), ENFORCER_DROP_NO_LISTENER);
  CHECK(wire.receive_raw(0x0800, kAWhile).empty());
}

TEST_CASE("a_syn_to_the_address_of_another_guest_is_steered_not_forwarded") {
  Wire wire;
  wire.gateway().enter();
  shell("ip link add g8 type veth peer name eth8 && ip link set g8 up && ip route add 10.77.0.10/32 dev g8");
  check_steered(wire, Ethernet{} / IPv4{.destination = "10.77.0.10"} / Tcp{.source = 40001}, 0x0800);
}
