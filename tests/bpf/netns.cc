#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "datapath.h"

namespace enforcer::bpf_test {

Netns::Netns() {
  int before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  REQUIRE(before >= 0);
  REQUIRE(unshare(CLONE_NEWNET) == 0);
  fd_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd_ >= 0);
  REQUIRE(setns(before, CLONE_NEWNET) == 0);
  close(before);
}

Netns::~Netns() {
  close(fd_);
}

void Netns::enter() const {
  REQUIRE(setns(fd_, CLONE_NEWNET) == 0);
}

std::string Netns::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_);
}

void shell(const std::string& command) {
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

void write_sysctl(const std::string& name, std::string_view value) {
  INFO(name);
  std::ofstream file("/proc/sys/net/" + name);
  file << value << std::flush;
  REQUIRE(file.good());
}

std::uint32_t interface_index(const char* name) {
  auto index = if_nametoindex(name);
  INFO(name);
  REQUIRE(index != 0);
  return index;
}

std::array<std::uint8_t, 16> ipv6_bytes(const char* text) {
  std::array<std::uint8_t, 16> raw{};
  REQUIRE(inet_pton(AF_INET6, text, raw.data()) == 1);
  return raw;
}

std::uint32_t ipv4_bytes(const char* text) {
  in_addr address{};
  REQUIRE(inet_pton(AF_INET, text, &address) == 1);
  return address.s_addr;
}

enforcer_guest test_guest() {
  enforcer_guest guest{};
  guest.slot = kSlot;
  guest.connects_per_second = 1'000'000;  // tests of other things flood, too
  guest.queries_per_second = 1'000'000;
  guest.gateway_ipv4 = ipv4_bytes(kGatewayIpv4);
  guest.guest_ipv4 = ipv4_bytes(kGuestIpv4);
  std::copy(kGuestMac.begin(), kGuestMac.end(), guest.guest_mac);
  std::copy(kGatewayMac.begin(), kGatewayMac.end(), guest.gateway_mac);
  auto guest_ipv6 = ipv6_bytes(kGuestIpv6);
  auto gateway_ipv6 = ipv6_bytes(kGatewayIpv6);
  std::copy(guest_ipv6.begin(), guest_ipv6.end(), guest.guest_ipv6);
  std::copy(gateway_ipv6.begin(), gateway_ipv6.end(), guest.gateway_ipv6);
  return guest;
}

}  // namespace enforcer::bpf_test
