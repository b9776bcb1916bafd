#include "base/ip.h"

#include <doctest/doctest.h>

using enforcer::Cidr;
using enforcer::Endpoint;
using enforcer::IpAddress;
using enforcer::Port;

TEST_CASE("an_ipv4_address_and_its_mapped_form_are_the_same_value") {
  const auto plain = IpAddress::parse("93.184.216.34");
  const auto mapped = IpAddress::parse("::ffff:93.184.216.34");
  REQUIRE(plain.has_value());
  REQUIRE(mapped.has_value());
  CHECK(*plain == *mapped);
  CHECK(plain->is_v4());
  CHECK(plain->v4_host_order() == 0x5db8d822);
  CHECK(plain->to_string() == "93.184.216.34");
}

TEST_CASE("refuses_address_tricks") {
  for (const char* text : {"", "127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "1.2.3", "1.2.3.4.5", "1.2.3.256",
                           " 1.2.3.4", "1.2.3.4 ", "[::1]", "fe80::1%eth0", ":::", "12345::"}) {
    CAPTURE(text);
    CHECK_FALSE(IpAddress::parse(text).has_value());
  }
  CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)).has_value());
  CHECK(IpAddress::parse("2001:db8::1")->to_string() == "2001:db8::1");
}

TEST_CASE("a_block_contains_its_addresses_and_no_others") {
  const auto block = Cidr::parse("10.128.0.0/9");
  REQUIRE(block.has_value());
  CHECK(block->contains(*IpAddress::parse("10.128.0.0")));
  CHECK(block->contains(*IpAddress::parse("10.255.255.255")));
  CHECK_FALSE(block->contains(*IpAddress::parse("10.127.255.255")));
  CHECK_FALSE(block->contains(*IpAddress::parse("11.128.0.0")));
  CHECK_FALSE(block->contains(*IpAddress::parse("::a80:0")));
  CHECK(block->to_string() == "10.128.0.0/9");
  CHECK(Cidr::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:7fff::1")));
  CHECK_FALSE(Cidr::parse("2001:db8::/33")->contains(*IpAddress::parse("2001:db8:8000::1")));
  CHECK(Cidr::parse("0.0.0.0/0")->contains(*IpAddress::parse("255.255.255.255")));
  CHECK_FALSE(Cidr::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
  CHECK(Cidr::parse("192.0.2.7")->length() == 32);
}

TEST_CASE("refuses_blocks_with_bits_beyond_the_prefix") {
  for (const char* text :
       {"10.0.0.1/8", "2001:db8::1/64", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/08", "1.2.3.4/", "::/129", "1.2.3.4/+8"}) {
    CAPTURE(text);
    CHECK_FALSE(Cidr::parse(text).has_value());
  }
}

TEST_CASE("endpoints_are_written_as_urls_write_them") {
  CHECK(Endpoint{*IpAddress::parse("1.2.3.4"), Port{443}}.to_string() == "1.2.3.4:443");
  CHECK(Endpoint{*IpAddress::parse("2001:db8::1"), Port{22}}.to_string() == "[2001:db8::1]:22");
}
