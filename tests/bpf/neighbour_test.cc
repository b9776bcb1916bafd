// ARP and neighbour discovery: only what is true and about the gateway.
#include <doctest/doctest.h>

#include "datapath.h"

using namespace enforcer::bpf_test;

namespace {

constexpr const char* kGatewayGroup = "ff02::1:ff00:1";
constexpr Mac kGatewayGroupMac{0x33, 0x33, 0xff, 0, 0, 1};
constexpr std::uint32_t kSolicited = 0x40000000;
constexpr std::uint32_t kOverride = 0x20000000;

Packet arp(const Arp& message) {
  return Ethernet{.destination = kBroadcastMac} / message;
}

Packet solicitation(const Neighbour& nd) {
  return Ethernet{.destination = kGatewayGroupMac} / IPv6{.destination = kGatewayGroup, .hop_limit = 255} / nd;
}

Neighbour advertisement_of_guest() {
  return {.type = 136, .target = kGuestIpv6, .flags = kSolicited, .option_type = 2};
}

Packet advertisement(const Neighbour& nd) {
  return Ethernet{} / IPv6{.destination = kGatewayIpv6, .hop_limit = 255} / nd;
}

}  // namespace

TEST_CASE_FIXTURE(Bench, "a_guest_may_ask_by_arp_for_its_gateway") {
  passes_as_neighbour(arp({}));
  passes_as_neighbour(Ethernet{.destination = kGatewayMac} / Arp{});
  passes_as_neighbour(arp({.target_mac = kBroadcastMac}));
}

TEST_CASE_FIXTURE(Bench, "every_other_arp_is_spoofing") {
  passes_as_neighbour(arp({}));
  drops(arp({.operation = 2}), ENFORCER_DROP_ARP_SPOOF);
  drops(arp({.operation = 3}), ENFORCER_DROP_ARP_SPOOF);
  drops(arp({.sender_mac = kOtherMac}), ENFORCER_DROP_ARP_SPOOF);
  drops(arp({.sender = kGatewayIpv4}), ENFORCER_DROP_ARP_SPOOF);
  drops(arp({.sender = "10.77.0.10"}), ENFORCER_DROP_ARP_SPOOF);
  drops(arp({.sender = "0.0.0.0"}), ENFORCER_DROP_ARP_SPOOF);
  drops(arp({.target = kGuestIpv4}), ENFORCER_DROP_ARP_SPOOF);
  drops(arp({.target = "10.77.0.10"}), ENFORCER_DROP_ARP_SPOOF);
  drops(arp({.hardware = 6}), ENFORCER_DROP_ARP_SPOOF);
  drops(arp({}).cut_to(41), ENFORCER_DROP_ARP_SPOOF);
  drops(Ethernet{.destination = {0x01, 0, 0x5e, 0, 0, 1}} / Arp{}, ENFORCER_DROP_ARP_SPOOF);
}

TEST_CASE_FIXTURE(Bench, "a_guest_may_solicit_its_gateway") {
  passes_as_neighbour(solicitation({}));
  passes_as_neighbour(solicitation({.option_mac = std::nullopt}));
  passes_as_neighbour(Ethernet{} / IPv6{.destination = kGatewayIpv6, .hop_limit = 255} / Neighbour{});
}

TEST_CASE_FIXTURE(Bench, "every_other_solicitation_is_spoofing") {
  passes_as_neighbour(solicitation({}));
  drops(solicitation({.target = kGuestIpv6}), ENFORCER_DROP_ND_SPOOF);
  drops(solicitation({.target = "fd77:e::9"}), ENFORCER_DROP_ND_SPOOF);
  drops(solicitation({.option_mac = kOtherMac}), ENFORCER_DROP_ND_SPOOF);
  drops(solicitation({.option_type = 2}), ENFORCER_DROP_ND_SPOOF);
  drops(solicitation({.code = 1}), ENFORCER_DROP_ND_SPOOF);
  drops(solicitation({}) / Payload(8), ENFORCER_DROP_ND_SPOOF);

  const Ethernet group{.destination = kGatewayGroupMac};
  const IPv6 good{.destination = kGatewayGroup, .hop_limit = 255};
  passes_as_neighbour(group / good / Neighbour{});
  for (const char* source : {"::", "fe80::77:ff:fe00:7", "fd77:e::9", kGatewayIpv6}) {
    IPv6 forged = good;
    forged.source = source;
    drops(group / forged / Neighbour{}, ENFORCER_DROP_ND_SPOOF);
  }
  IPv6 forwarded = good;
  forwarded.hop_limit = 254;
  drops(group / forwarded / Neighbour{}, ENFORCER_DROP_ND_SPOOF);
  IPv6 other_group = good;
  other_group.destination = "ff02::1:ff00:2";
  drops(group / other_group / Neighbour{}, ENFORCER_DROP_ND_SPOOF);
  IPv6 all_nodes = good;
  all_nodes.destination = "ff02::1";
  drops(Ethernet{.destination = {0x33, 0x33, 0, 0, 0, 1}} / all_nodes / Neighbour{}, ENFORCER_DROP_ND_SPOOF);
  drops(Ethernet{.destination = kBroadcastMac} / good / Neighbour{}, ENFORCER_DROP_ND_SPOOF);
  drops(Ethernet{.destination = {0x33, 0x33, 0xff, 0, 0, 2}} / good / Neighbour{}, ENFORCER_DROP_ND_SPOOF);
  drops(Ethernet{} / good / Neighbour{}, ENFORCER_DROP_ND_SPOOF);
}

TEST_CASE_FIXTURE(Bench, "a_guest_may_only_advertise_itself_to_its_gateway_when_asked") {
  passes_as_neighbour(advertisement(advertisement_of_guest()));
  Neighbour override = advertisement_of_guest();
  override.flags |= kOverride;
  passes_as_neighbour(advertisement(override));

  Neighbour unsolicited = advertisement_of_guest();
  unsolicited.flags = kOverride;
  drops(advertisement(unsolicited), ENFORCER_DROP_ND_SPOOF);
  for (const char* target : {kGatewayIpv6, "fd77:e::9", "fe80::1"}) {
    Neighbour claim = advertisement_of_guest();
    claim.target = target;
    drops(advertisement(claim), ENFORCER_DROP_ND_SPOOF);
  }
  Neighbour other_mac = advertisement_of_guest();
  other_mac.option_mac = kOtherMac;
  drops(advertisement(other_mac), ENFORCER_DROP_ND_SPOOF);
  drops(Ethernet{.destination = {0x33, 0x33, 0, 0, 0, 1}} / IPv6{.destination = "ff02::1", .hop_limit = 255} /
            advertisement_of_guest(),
        ENFORCER_DROP_ND_SPOOF);
}

TEST_CASE_FIXTURE(Bench, "router_messages_and_redirects_are_spoofing") {
  for (std::uint8_t type : {133, 134, 137}) {
    CAPTURE(type);
    drops(solicitation({.type = type}), ENFORCER_DROP_ND_SPOOF);
    drops(advertisement({.type = type}), ENFORCER_DROP_ND_SPOOF);
  }
  // Multicast listener reports are not neighbour discovery; without their hop-by-hop header they are not even reports.
  drops(Ethernet{.destination = {0x33, 0x33, 0, 0, 0, 0x16}} / IPv6{.destination = "ff02::16", .hop_limit = 1} /
            Icmp6{.type = 143},
        ENFORCER_DROP_IP_MCAST);
}
