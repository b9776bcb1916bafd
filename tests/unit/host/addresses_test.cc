#include "host/addresses.h"

#include <doctest/doctest.h>

#include <string>

namespace enforcer::host {
namespace {

IpAddress address(const std::string& text) {
  return *IpAddress::parse(text);
}
AddressPlan plan(const char* ipv4 = "100.64.0.0/16", const char* ipv6 = "fd77:e::/48") {
  return *AddressPlan::make(*Cidr::parse(ipv4), *Cidr::parse(ipv6));
}

TEST_CASE("addresses_follow_from_the_slot") {
  const auto addresses = addresses_of(plan(), Slot{7}, *plan().guest_ipv4(Slot{7}, {}));
  REQUIRE(addresses);
  CHECK(addresses->ipv4 == address("100.64.0.8"));
  CHECK(addresses->ipv6 == address("fd77:e::8"));
  CHECK(addresses->gateway_ipv4 == address("100.64.0.1"));
  CHECK(addresses->gateway_ipv6 == address("fd77:e::1"));
  CHECK(addresses->mac.to_string() == "02:77:00:00:00:07");
  CHECK(addresses->gateway_mac.to_string() == "06:77:00:00:00:07");
  CHECK(addresses->interface == "g7");
}

TEST_CASE("the_highest_slot_fits_everywhere") {
  const auto addresses = addresses_of(plan(), Slot{0xffffff}, *plan().guest_ipv4(Slot{0xffffff}, {}));
  REQUIRE(addresses);
  CHECK(addresses->mac.to_string() == "02:77:00:ff:ff:ff");
  CHECK(addresses->ipv6 == address("fd77:e::100:0"));
  CHECK(addresses->interface == "g16777215");
  CHECK(addresses->interface.size() < 16);  // IFNAMSIZ
}

TEST_CASE("slots_beyond_the_pool_begin_again_and_skip_what_is_in_use") {
  const AddressPlan small = plan("10.9.8.0/29");  // .2 to .6
  CHECK(*small.guest_ipv4(Slot{1}, {}) == address("10.9.8.2"));
  CHECK(*small.guest_ipv4(Slot{5}, {}) == address("10.9.8.6"));
  CHECK(*small.guest_ipv4(Slot{6}, {}) == address("10.9.8.2"));
  CHECK(*small.guest_ipv4(Slot{6}, {address("10.9.8.2"), address("10.9.8.3")}) == address("10.9.8.4"));
  CHECK(*small.guest_ipv4(Slot{5}, {address("10.9.8.6")}) == address("10.9.8.2"));
}

TEST_CASE("a_full_pool_is_an_error_and_never_an_address_twice") {
  const AddressPlan small = plan("10.9.8.0/29");
  std::set<IpAddress> in_use;
  for (std::uint32_t slot = 1; slot <= 5; ++slot) {
    const auto given = small.guest_ipv4(Slot{slot + 100}, in_use);
    REQUIRE(given);
    CHECK(in_use.insert(*given).second);
    CHECK(*given != small.gateway_ipv4());
  }
  const auto none = small.guest_ipv4(Slot{1}, in_use);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == Errc::kUnavailable);
}

TEST_CASE("slots_that_outgrow_the_ipv6_pool_are_refused_and_never_aliased") {
  const AddressPlan small = plan("100.64.0.0/16", "fd77:e::1:0/112");
  CHECK(*small.guest_ipv6(Slot{0xfffe}) == address("fd77:e::1:ffff"));
  CHECK_FALSE(small.guest_ipv6(Slot{0xffff}));
  CHECK_FALSE(small.guest_ipv6(Slot{0x10005}));
}

TEST_CASE("refuses_pools_of_the_wrong_family_or_size") {
  const auto make = [](const char* ipv4, const char* ipv6) {
    return AddressPlan::make(*Cidr::parse(ipv4), *Cidr::parse(ipv6)).has_value();
  };
  CHECK(make("10.0.0.0/8", "fd77:e::/48"));
  CHECK_FALSE(make("fd77:e::/48", "fd77:e::/48"));
  CHECK_FALSE(make("10.0.0.0/8", "10.0.0.0/8"));
  CHECK_FALSE(make("10.0.0.0/30", "fd77:e::/48"));
  CHECK_FALSE(make("10.0.0.0/8", "fd77:e::/120"));
}

}  // namespace
}  // namespace enforcer::host
