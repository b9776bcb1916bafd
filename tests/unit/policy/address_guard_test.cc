#include "policy/address_guard.h"

#include <doctest/doctest.h>

namespace enforcer::policy {
namespace {

void check(AddressVerdict verdict, std::initializer_list<const char*> addresses) {
  for (const char* text : addresses) {
    CAPTURE(text);
    const auto address = IpAddress::parse(text);
    REQUIRE(address);
    CHECK(judge_address(*address) == verdict);
  }
}

TEST_CASE("globally_routable_addresses_pass_the_guard") {
  check(AddressVerdict::kGlobal,
        {"1.1.1.1",          "8.8.8.8",        "93.184.216.34",   "9.255.255.255", "11.0.0.0",
         "100.63.255.255",   "100.128.0.0",    "126.255.255.255", "128.0.0.1",     "169.253.255.255",
         "169.255.0.1",      "172.15.255.255", "172.32.0.0",      "192.0.1.1",     "192.0.3.1",
         "192.167.255.255",  "192.169.0.0",    "198.17.255.255",  "198.20.0.0",    "223.255.255.255",
         "168.63.129.15",    "2600:9000::1",   "2a00:1450::1",    "2001:200::1",   "2001:4860:4860::8888",
         "64:ff9b::808:808", "::ffff:8.8.8.8", "3ffe::1"});
}

TEST_CASE("every_range_that_is_not_globally_routable_is_private") {
  check(AddressVerdict::kPrivate, {"0.0.0.0",
                                   "0.1.2.3",
                                   "10.0.0.0",
                                   "10.255.255.255",
                                   "100.64.0.0",
                                   "100.127.255.255",
                                   "127.0.0.1",
                                   "127.255.255.255",
                                   "169.254.0.1",
                                   "172.16.0.0",
                                   "172.31.255.255",
                                   "192.0.0.1",
                                   "192.0.2.1",
                                   "192.88.99.1",
                                   "192.168.0.0",
                                   "192.168.255.255",
                                   "198.18.0.0",
                                   "198.19.255.255",
                                   "198.51.100.1",
                                   "203.0.113.1",
                                   "224.0.0.1",
                                   "239.255.255.255",
                                   "240.0.0.1",
                                   "255.255.255.255",
                                   "::",
                                   "::1",
                                   "64:ff9b:1::1",
                                   "100::1",
                                   "100:0:0:1::1",
                                   "2001:2::1",
                                   "2001:10::1",
                                   "2001:20::1",
                                   "2001:db8::1",
                                   "3fff::1",
                                   "5f00::1",
                                   "fc00::1",
                                   "fd77:e::1",
                                   "fe80::1",
                                   "fec0::1",
                                   "ff02::1",
                                   "4000::1",
                                   "::ffff:0:10.0.0.1"});
}

TEST_CASE("metadata_addresses_are_denied_in_all_spellings") {
  check(AddressVerdict::kMetadata,
        {"169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "192.0.0.192",
         "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe"});
}

TEST_CASE("an_embedded_ipv4_address_is_judged_too") {
  // mapped, compatible, NAT64, local NAT64 (both layouts), 6to4, Teredo (server; client, inverted)
  check(AddressVerdict::kPrivate, {"::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::10.0.0.1",
                                   "2002:0a00:0001::1", "2001:0:0a00:1::1", "2001::f5ff:fffe"});
  check(AddressVerdict::kMetadata,
        {"::169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b:1::169.254.169.254",
         "64:ff9b:1:a9fe:a9:fe00::", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1", "2001::5601:5601"});
  check(AddressVerdict::kGlobal, {"64:ff9b::1.1.1.1"});
}

TEST_CASE("a_block_is_judged_when_one_range_covers_all_of_it") {
  const auto judge = [](const char* text) { return judge_block(*Cidr::parse(text)); };
  CHECK(judge("10.0.0.0/8") == AddressVerdict::kPrivate);
  CHECK(judge("10.1.0.0/16") == AddressVerdict::kPrivate);
  CHECK(judge("169.254.169.254") == AddressVerdict::kMetadata);
  CHECK(judge("fd00::/8") == AddressVerdict::kPrivate);
  CHECK(judge("fc00::/7") == AddressVerdict::kPrivate);
  CHECK(judge("0.0.0.0/0") == AddressVerdict::kGlobal);
  CHECK(judge("::/0") == AddressVerdict::kGlobal);
  CHECK(judge("93.184.216.0/24") == AddressVerdict::kGlobal);
  CHECK(judge("2600:9000::/48") == AddressVerdict::kGlobal);
}

}  // namespace
}  // namespace enforcer::policy
