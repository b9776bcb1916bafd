// What may reach a guest. DNS answers need a real socket behind the frame: live_test.cc.
#include <doctest/doctest.h>

#include "datapath.h"

using namespace enforcer::bpf_test;

namespace {

constexpr Ethernet kToGuest{.destination = kGuestMac, .source = kGatewayMac};
constexpr std::uint8_t kSynAck = 0x12;
constexpr const char* kGuestGroup = "ff02::1:ff00:8";
constexpr Mac kGuestGroupMac{0x33, 0x33, 0xff, 0, 0, 8};

IPv4 from(const char* source, const char* destination = kGuestIpv4) {
  return {.source = source, .destination = destination};
}
IPv6 from6(const char* source, const char* destination = kGuestIpv6) {
  return {.source = source, .destination = destination};
}
IPv6 nd_to(const char* destination, const char* source = kGatewayIpv6) {
  return {.source = source, .destination = destination, .hop_limit = 255};
}

}  // namespace

TEST_CASE_FIXTURE(Bench, "tcp_reaches_the_guest_only_with_its_own_mark") {
  const Packet reply = kToGuest / from(kOriginIpv4) / Tcp{.source = 443, .destination = 40000, .flags = kSynAck};
  const Packet reply6 = kToGuest / from6(kOriginIpv6) / Tcp{.source = 443, .destination = 40000, .flags = kSynAck};
  delivers(reply);
  delivers(reply6);
  for (std::uint32_t mark : {0u, kSlot, ENFORCER_MARK_MAGIC, ENFORCER_MARK_MAGIC | 8, 0x78000000u | kSlot, ~0u}) {
    CAPTURE(mark);
    refuses_delivery(reply, mark);
    refuses_delivery(reply6, mark);
  }
}

TEST_CASE_FIXTURE(Bench, "only_frames_from_the_gateway_to_the_guest_are_delivered") {
  const Tcp tcp{.source = 443, .destination = 40000, .flags = kSynAck};
  delivers(kToGuest / from(kOriginIpv4) / tcp);
  refuses_delivery(Ethernet{.destination = kOtherMac, .source = kGatewayMac} / from(kOriginIpv4) / tcp);
  refuses_delivery(Ethernet{.destination = kBroadcastMac, .source = kGatewayMac} / from(kOriginIpv4) / tcp);
  refuses_delivery(Ethernet{.destination = kGuestMac, .source = kOtherMac} / from(kOriginIpv4) / tcp);
  refuses_delivery(kToGuest / from(kOriginIpv4, "10.77.0.10") / tcp);
  refuses_delivery(kToGuest / from6(kOriginIpv6, "fd77:e::9") / tcp);
  refuses_delivery(Ethernet{.destination = kGuestMac, .source = kGatewayMac, .type = 0x88cc} / from(kOriginIpv4) / tcp);
  refuses_delivery(kToGuest / Vlan{} / from(kOriginIpv4) / tcp);
  IPv4 fragment = from(kOriginIpv4);
  fragment.fragment = 0x2000;
  refuses_delivery(kToGuest / fragment / tcp);
}

TEST_CASE_FIXTURE(Bench, "udp_needs_more_than_the_mark_and_the_port") {
  refuses_delivery(kToGuest / from("8.8.8.8") / Udp{.source = 53, .destination = 40000});
  refuses_delivery(kToGuest / from6("2001:4860:4860::8888") / Udp{.source = 53, .destination = 40000});
  refuses_delivery(kToGuest / from("8.8.8.8") / Udp{.source = 5353, .destination = 40000});
}

TEST_CASE_FIXTURE(Bench, "icmp_is_only_our_own_refusal") {
  delivers(kToGuest / from(kGatewayIpv4) / Icmp{.type = 3, .code = 13});
  refuses_delivery(kToGuest / from(kGatewayIpv4) / Icmp{.type = 3, .code = 13}, 0);
  refuses_delivery(kToGuest / from(kOriginIpv4) / Icmp{.type = 3, .code = 13});
  for (std::uint8_t type : {0, 4, 5, 8, 11}) refuses_delivery(kToGuest / from(kGatewayIpv4) / Icmp{.type = type});

  delivers(kToGuest / from6(kGatewayIpv6) / Icmp6{.type = 1, .code = 1});
  refuses_delivery(kToGuest / from6(kGatewayIpv6) / Icmp6{.type = 1, .code = 1}, 0);
  refuses_delivery(kToGuest / from6(kOriginIpv6) / Icmp6{.type = 1, .code = 1});
  for (std::uint8_t type : {2, 3, 128, 129, 130, 143})
    refuses_delivery(kToGuest / from6(kGatewayIpv6) / Icmp6{.type = type});
  refuses_delivery(kToGuest / IPv4{.source = kOriginIpv4, .destination = kGuestIpv4, .protocol = 47} / Payload(20));
}

TEST_CASE_FIXTURE(Bench, "arp_towards_the_guest_tells_the_truth_about_the_gateway") {
  const Arp answer{
      .operation = 2, .sender_mac = kGatewayMac, .sender = kGatewayIpv4, .target_mac = kGuestMac, .target = kGuestIpv4};
  delivers(kToGuest / answer, 0);
  Arp question = answer;
  question.operation = 1;
  delivers(Ethernet{.destination = kBroadcastMac, .source = kGatewayMac} / question, 0);
  Arp other_sender = answer;
  other_sender.sender = kOriginIpv4;
  refuses_delivery(kToGuest / other_sender);
  Arp other_mac = answer;
  other_mac.sender_mac = kOtherMac;
  refuses_delivery(kToGuest / other_mac);
  Arp other_target = answer;
  other_target.target = "10.77.0.10";
  refuses_delivery(kToGuest / other_target);
}

TEST_CASE_FIXTURE(Bench, "nd_towards_the_guest_tells_the_truth_about_the_gateway") {
  const Neighbour answer{
      .type = 136, .target = kGatewayIpv6, .flags = 0x60000000, .option_type = 2, .option_mac = kGatewayMac};
  delivers(kToGuest / nd_to(kGuestIpv6) / answer, 0);
  const Neighbour question{.type = 135, .target = kGuestIpv6, .option_mac = kGatewayMac};
  delivers(kToGuest / nd_to(kGuestIpv6) / question, 0);
  delivers(Ethernet{.destination = kGuestGroupMac, .source = kGatewayMac} / nd_to(kGuestGroup) / question, 0);

  Neighbour lie = answer;
  lie.target = kOriginIpv6;
  refuses_delivery(kToGuest / nd_to(kGuestIpv6) / lie);
  refuses_delivery(kToGuest / nd_to(kGuestIpv6, kOriginIpv6) / answer);
  refuses_delivery(kToGuest / from6(kGatewayIpv6) / answer);  // hop limit 64
  for (std::uint8_t type : {133, 134, 137}) {
    Neighbour router = answer;
    router.type = type;
    refuses_delivery(kToGuest / nd_to(kGuestIpv6) / router);
  }
}

TEST_CASE_FIXTURE(Bench, "listener_reports_of_the_gateway_s_kernel_are_mld") {
  constexpr Ethernet kFromGateway{.destination = {0x33, 0x33, 0, 0, 0, 0x16}, .source = kGatewayMac};
  constexpr std::string_view kListenerReport{
      "\x3a\0\x05\x02\0\0\x01\0"
      "\x8f\0\0\0\0\0\0\0",
      16};
  const IPv6 report{.source = "::", .destination = "ff02::16", .next_header = 0, .hop_limit = 1};
  refuses_delivery(kFromGateway / report / Payload(kListenerReport), 0, ENFORCER_DROP_MLD);
  refuses_delivery(kFromGateway / report / Payload(kListenerReport), kMark, ENFORCER_DROP_MLD);
  IPv6 from_origin = report;
  from_origin.source = kOriginIpv6;
  refuses_delivery(kFromGateway / from_origin / Payload(kListenerReport), 0);
  refuses_delivery(
      Ethernet{.destination = {0x33, 0x33, 0, 0, 0, 0x16}, .source = kOtherMac} / report / Payload(kListenerReport), 0);
}
