// Drop reasons of the network layer, IPv4 and IPv6. Every negative differs from its positive control in one thing.
#include <doctest/doctest.h>

#include "datapath.h"

using namespace enforcer::bpf_test;

namespace {

Packet tcp_to(const char* destination) {
  return Ethernet{} / IPv4{.destination = destination} / Tcp{};
}
Packet tcp6_to(const char* destination) {
  return Ethernet{} / IPv6{.destination = destination} / Tcp{};
}

constexpr Mac kRoutersMac{0x33, 0x33, 0, 0, 0, 0x16};
constexpr Ethernet kToRouters{.destination = kRoutersMac};
// A hop-by-hop header with the router alert for MLD, and an MLDv2 report of no groups.
constexpr std::string_view kReport{
    "\x3a\0\x05\x02\0\0\x01\0"
    "\x8f\0\0\0\0\0\0\0",
    16};
IPv6 report_from(const char* source) {
  return {.source = source, .destination = "ff02::16", .next_header = 0, .hop_limit = 1};
}

}  // namespace

TEST_CASE_FIXTURE(Bench, "wrong_versions_and_lengths_of_ipv4_are_ip_ver") {
  steers(Ethernet{} / IPv4{.version = 4, .header_words = 5, .total_length = 40} / Tcp{});
  for (std::uint8_t version : {0, 5, 6, 15})
    drops(Ethernet{.type = 0x0800} / IPv4{.version = version} / Tcp{}, ENFORCER_DROP_IP_VER);
  drops(Ethernet{} / IPv4{.header_words = 4} / Tcp{}, ENFORCER_DROP_IP_VER);
  drops(Ethernet{} / IPv4{.header_words = 0} / Tcp{}, ENFORCER_DROP_IP_VER);
  drops(Ethernet{} / IPv4{.total_length = 19} / Tcp{}, ENFORCER_DROP_IP_VER);
  drops(Ethernet{} / IPv4{.total_length = 41} / Tcp{}, ENFORCER_DROP_IP_VER);
  drops(Ethernet{} / IPv4{.total_length = 65535} / Tcp{}, ENFORCER_DROP_IP_VER);
}

TEST_CASE_FIXTURE(Bench, "wrong_versions_and_lengths_of_ipv6_are_ip_ver") {
  steers(Ethernet{} / IPv6{.version = 6, .payload_length = 20} / Tcp{});
  for (std::uint8_t version : {0, 4, 15})
    drops(Ethernet{.type = 0x86dd} / IPv6{.version = version} / Tcp{}, ENFORCER_DROP_IP_VER);
  drops(Ethernet{} / IPv6{.payload_length = 21} / Tcp{}, ENFORCER_DROP_IP_VER);
  drops(Ethernet{} / IPv6{.payload_length = 65535} / Tcp{}, ENFORCER_DROP_IP_VER);
}

TEST_CASE_FIXTURE(Bench, "ethernet_padding_behind_the_packet_is_fine") {
  steers(Ethernet{} / IPv4{.total_length = 40} / Tcp{} / Payload(6));
  steers(Ethernet{} / IPv6{.payload_length = 20} / Tcp{} / Payload(6));
}

TEST_CASE_FIXTURE(Bench, "headers_beyond_the_length_the_packet_claims_do_not_count") {
  steers(Ethernet{} / IPv4{.total_length = 40} / Tcp{});
  drops(Ethernet{} / IPv4{.total_length = 39} / Tcp{}, ENFORCER_DROP_L2_SHORT);
  drops(Ethernet{} / IPv6{.payload_length = 19} / Tcp{}, ENFORCER_DROP_L2_SHORT);
  drops(Ethernet{} / IPv4{.total_length = 27} / Udp{}, ENFORCER_DROP_L2_SHORT);
}

TEST_CASE_FIXTURE(Bench, "ipv4_options_are_dropped") {
  steers(Ethernet{} / IPv4{} / Tcp{});
  const Bytes record_route{7, 7, 4, 0, 0, 0, 0, 0};
  const Bytes loose_source_route{131, 7, 4, 93, 184, 216, 1, 0};
  const Bytes timestamp{68, 8, 5, 0, 0, 0, 0, 0};
  const Bytes router_alert{148, 4, 0, 0};
  const Bytes nothing{1, 1, 1, 0};
  for (const Bytes& options : {record_route, loose_source_route, timestamp, router_alert, nothing})
    drops(Ethernet{} / IPv4{.options = options} / Tcp{}, ENFORCER_DROP_IP_OPTS);
}

TEST_CASE_FIXTURE(Bench, "ipv6_extension_headers_are_dropped") {
  steers(Ethernet{} / IPv6{.next_header = IPPROTO_TCP} / Tcp{});
  for (std::uint8_t header : {0, 43, 60, 135, 139, 140}) {
    CAPTURE(header);
    drops(Ethernet{} / IPv6{.next_header = header} / Tcp{}, ENFORCER_DROP_IP_OPTS);
  }
}

TEST_CASE_FIXTURE(Bench, "listener_reports_of_a_kernel_are_mld_and_others_are_not") {
  for (const char* source : {"::", "fe80::77:ff:fe00:7"}) {
    drops(kToRouters / report_from(source) / Payload(kReport), ENFORCER_DROP_MLD);
    drops(kToRouters / report_from(source) / Payload(kReport) / Payload(20), ENFORCER_DROP_MLD);
  }
  for (const char* source : {kGuestIpv6, kOriginIpv6, "::1", "fec0::1"}) {
    drops(kToRouters / report_from(source) / Payload(kReport), ENFORCER_DROP_IP_OPTS);
  }
  const IPv6 report = report_from("::");
  drops(Ethernet{} / report / Payload(kReport), ENFORCER_DROP_IP_OPTS);
  drops(Ethernet{.destination = kBroadcastMac} / report / Payload(kReport), ENFORCER_DROP_IP_OPTS);
  drops(Ethernet{.destination = kRoutersMac, .source = kOtherMac} / report / Payload(kReport), ENFORCER_DROP_L2_SRCMAC);
  for (const char* destination : {"ff02::1", "ff05::16", kGatewayIpv6}) {
    IPv6 elsewhere = report;
    elsewhere.destination = destination;
    drops(kToRouters / elsewhere / Payload(kReport), ENFORCER_DROP_IP_OPTS);
  }
  IPv6 forwarded = report;
  forwarded.hop_limit = 2;
  drops(kToRouters / forwarded / Payload(kReport), ENFORCER_DROP_IP_OPTS);
  IPv6 routing = report;
  routing.next_header = 43;
  drops(kToRouters / routing / Payload(kReport), ENFORCER_DROP_IP_OPTS);
  drops(kToRouters / report / Payload(kReport.substr(0, 9)), ENFORCER_DROP_IP_OPTS);
  for (std::size_t byte = 0; byte < 10; ++byte) {  // each byte of the option, the type and the code
    CAPTURE(byte);
    std::string other(kReport);
    other[byte] = static_cast<char>(other[byte] + 1);
    drops(kToRouters / report / Payload(other), ENFORCER_DROP_IP_OPTS);
  }
}

TEST_CASE_FIXTURE(Bench, "every_fragment_is_dropped") {
  constexpr std::uint16_t kDontFragment = 0x4000;
  steers(Ethernet{} / IPv4{.fragment = 0} / Tcp{});
  steers(Ethernet{} / IPv4{.fragment = kDontFragment} / Tcp{});
  for (std::uint16_t fragment : {0x2000, 0x2001, 0x0001, 0x00b9, 0x1fff, 0x6000}) {
    CAPTURE(fragment);
    drops(Ethernet{} / IPv4{.fragment = fragment} / Tcp{}, ENFORCER_DROP_IP_FRAG);
    drops(Ethernet{} / IPv4{.fragment = fragment} / Udp{.destination = 443}, ENFORCER_DROP_IP_FRAG);
  }
  drops(Ethernet{} / IPv6{.next_header = 44} / Tcp{}, ENFORCER_DROP_IP_FRAG);
}

TEST_CASE_FIXTURE(Bench, "invariant_9_a_source_address_that_is_not_the_guests_is_dropped") {
  steers(Ethernet{} / IPv4{.source = kGuestIpv4} / Tcp{});
  for (const char* source : {"10.77.0.10", kGatewayIpv4, "0.0.0.0", "127.0.0.1", "255.255.255.255", "224.0.0.1",
                             "169.254.1.1", "8.8.8.8", "10.77.0.8"}) {
    CAPTURE(std::string_view(source));
    drops(Ethernet{} / IPv4{.source = source} / Tcp{}, ENFORCER_DROP_IP_SRC_SPOOF);
    drops(Ethernet{} / IPv4{.source = source} / Udp{}, ENFORCER_DROP_IP_SRC_SPOOF);
    drops(Ethernet{} / IPv4{.source = source} / Icmp{}, ENFORCER_DROP_IP_SRC_SPOOF);
  }
  steers(Ethernet{} / IPv6{.source = kGuestIpv6} / Tcp{});
  for (const char* source :
       {"fd77:e::9", kGatewayIpv6, "::", "::1", "fe80::77:ff:fe00:7", "ff02::1", "2001:db8::1", "::ffff:10.77.0.9"}) {
    CAPTURE(std::string_view(source));
    drops(Ethernet{} / IPv6{.source = source} / Tcp{}, ENFORCER_DROP_IP_SRC_SPOOF);
    drops(Ethernet{} / IPv6{.source = source} / Udp{}, ENFORCER_DROP_IP_SRC_SPOOF);
    drops(Ethernet{} / IPv6{.source = source} / Icmp6{}, ENFORCER_DROP_IP_SRC_SPOOF);
  }
}

TEST_CASE_FIXTURE(Bench, "a_guest_without_an_address_cannot_use_the_unspecified_one") {
  enforcer_guest bare = test_guest();
  bare.guest_ipv4 = 0;
  std::fill(std::begin(bare.guest_ipv6), std::end(bare.guest_ipv6), 0);
  std::fill(std::begin(bare.gateway_ipv6), std::end(bare.gateway_ipv6), 0);
  datapath().add_guest(ifindex(), bare);
  drops(Ethernet{} / IPv4{.source = "0.0.0.0"} / Tcp{}, ENFORCER_DROP_IP_SRC_SPOOF);
  drops(Ethernet{} / IPv6{.source = "::"} / Tcp{}, ENFORCER_DROP_IP_SRC_SPOOF);
  drops(Ethernet{} / IPv6{.source = "::", .destination = "::", .hop_limit = 255} / Neighbour{.target = "::"},
        ENFORCER_DROP_ND_SPOOF);
}

TEST_CASE_FIXTURE(Bench, "local_destinations_are_dropped") {
  steers(tcp_to(kOriginIpv4));
  for (const char* destination : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.169.254",
                                  "255.255.255.255", "240.0.0.1", kGuestIpv4}) {
    CAPTURE(std::string_view(destination));
    drops(tcp_to(destination), ENFORCER_DROP_IP_DST_LOCAL);
    drops(Ethernet{} / IPv4{.destination = destination} / Udp{}, ENFORCER_DROP_IP_DST_LOCAL);
  }
  // The neighbours of those ranges.
  for (const char* destination :
       {"1.0.0.1", "126.255.255.255", "128.0.0.1", "169.253.1.1", "169.255.1.1", "10.77.0.10"})
    steers(tcp_to(destination));

  steers(tcp6_to(kOriginIpv6));
  for (const char* destination : {"::", "::1", "fe80::1", "febf::1", kGuestIpv6}) {
    CAPTURE(std::string_view(destination));
    drops(tcp6_to(destination), ENFORCER_DROP_IP_DST_LOCAL);
  }
  for (const char* destination : {"1::", "fe7f::1", "fec0::1", "fd77:e::9"}) steers(tcp6_to(destination));
}

TEST_CASE_FIXTURE(Bench, "ipv4_inside_an_ipv6_destination_is_ip_ver") {
  for (const char* destination : {"::2", "::93.184.216.34", "::ffff:93.184.216.34", "::ffff:127.0.0.1"}) {
    CAPTURE(std::string_view(destination));
    drops(tcp6_to(destination), ENFORCER_DROP_IP_VER);
  }
  for (const char* destination : {"64:ff9b::93.184.216.34", "::fffe:1.2.3.4", "0:0:1::1"}) steers(tcp6_to(destination));
}

TEST_CASE_FIXTURE(Bench, "multicast_is_dropped_whatever_the_frame_says") {
  for (const char* destination : {"224.0.0.1", "224.0.0.251", "239.255.255.250"}) {
    CAPTURE(std::string_view(destination));
    drops(tcp_to(destination), ENFORCER_DROP_IP_MCAST);
    drops(Ethernet{.destination = {0x01, 0, 0x5e, 0, 0, 0xfb}} / IPv4{.destination = destination} /
              Udp{.source = 5353, .destination = 5353},
          ENFORCER_DROP_IP_MCAST);
  }
  drops(Ethernet{.destination = {0x33, 0x33, 0, 0, 0, 0xfb}} / IPv6{.destination = "ff02::fb"} /
            Udp{.source = 5353, .destination = 5353},
        ENFORCER_DROP_IP_MCAST);
  drops(tcp6_to("ff0e::1"), ENFORCER_DROP_IP_MCAST);
  steers(tcp_to("223.255.255.255"));
}

TEST_CASE_FIXTURE(Bench, "other_protocols_are_dropped") {
  steers(Ethernet{} / IPv4{.protocol = IPPROTO_TCP} / Tcp{});
  for (std::uint8_t protocol : {0, 2, 4, 41, 47, 50, 51, 58, 132, 136, 255}) {
    CAPTURE(protocol);
    drops(Ethernet{} / IPv4{.protocol = protocol} / Tcp{}, ENFORCER_DROP_IP_PROTO);
  }
  for (std::uint8_t protocol : {1, 4, 41, 47, 50, 51, 59, 132, 255}) {
    CAPTURE(protocol);
    drops(Ethernet{} / IPv6{.next_header = protocol} / Tcp{}, ENFORCER_DROP_IP_PROTO);
  }
}
