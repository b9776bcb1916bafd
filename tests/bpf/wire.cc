#include "wire.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace enforcer::bpf_test {
namespace {

using Clock = std::chrono::steady_clock;

template <typename Value>
void set_option(int fd, int level, int name, Value value) {
  REQUIRE(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

struct AnyAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

AnyAddress address_of(Endpoint endpoint) {
  AnyAddress out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, endpoint.address, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET, v4->sin_port = htons(endpoint.port), out.size = sizeof(*v4);
  } else {
    REQUIRE(inet_pton(AF_INET6, endpoint.address, &v6->sin6_addr) == 1);
    v6->sin6_family = AF_INET6, v6->sin6_port = htons(endpoint.port), out.size = sizeof(*v6);
  }
  return out;
}

Socket transparent_socket(int type, std::uint16_t port) {
  Socket made(socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  REQUIRE(made.is_open());
  set_option(made.fd(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  set_option(made.fd(), IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
  set_option(made.fd(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  const AnyAddress any = address_of({"::", port});
  REQUIRE(bind(made.fd(), any.get(), any.size) == 0);
  if (type == SOCK_STREAM) REQUIRE(listen(made.fd(), 512) == 0);
  return made;
}

// What a kernel says on its own when a link comes up would be counted: no duplicate address detection, no router
// solicitation, and multicast reports at once instead of within a second.
void silence(const std::string& link) {
  write_sysctl("ipv6/conf/" + link + "/accept_dad", "0");
  write_sysctl("ipv6/conf/" + link + "/router_solicitations", "0");
  write_sysctl("ipv6/conf/" + link + "/mldv2_unsolicited_report_interval", "1");
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) reset(), fd_ = other.release();
  return *this;
}

void Socket::reset() {
  if (fd_ >= 0) close(release());
}

std::string name_of(const sockaddr_in6& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr))
    inet_ntop(AF_INET, &address.sin6_addr.s6_addr[12], text.data(), text.size());
  else
    inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
  return text.data();
}

bool wait_readable(int fd, std::chrono::milliseconds limit) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wanted, 1, static_cast<int>(limit.count())) == 1;
}

int wait_connected(int fd, std::chrono::milliseconds limit) {
  pollfd wanted{.fd = fd, .events = POLLOUT, .revents = 0};
  if (poll(&wanted, 1, static_cast<int>(limit.count())) != 1) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof(error);
  REQUIRE(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  return error;
}

std::string receive(int fd) {
  if (!wait_readable(fd, kSoon)) return {};
  std::string text(65536, '\0');
  auto size = recv(fd, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

Wire::Wire(std::uint32_t workers) {
  make_links();
  make_sockets(workers);
  datapath_.add_counters(kSlot);
  datapath_.add_guest(ifindex_, test_guest());
  datapath_.set_workers(workers);
  send_raw((Ethernet{.destination = kBroadcastMac} / Arp{}).bytes());
  REQUIRE_FALSE(receive_raw(0x0806).empty());
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the multicast reports of both kernels
  forget();
}

void Wire::make_links() {
  gateway_.enter();
  silence("default");
  for (const char* off : {"ipv4/ip_forward", "ipv6/conf/all/forwarding"}) write_sysctl(off, "0");
  for (const char* on :
       {"ipv4/tcp_fwmark_accept", "ipv4/fwmark_reflect", "ipv6/fwmark_reflect", "ipv4/conf/all/arp_ignore"})
    write_sysctl(on, "1");
  // The kernel takes an index for the peer only with one for the link itself.
  shell(
      "ip link set lo up && ip link add g7 index 1000007 address 06:77:00:00:00:07 type veth peer name eth0 address "
      "02:77:00:00:00:07 index " +
      std::to_string(ENFORCER_ETH_IFINDEX) + " netns " + guest_.path());
  ifindex_ = interface_index("g7");
  datapath_.attach(ifindex_);
  shell("ip addr add 10.77.0.1/32 dev g7 && ip -6 addr add fd77:e::1/128 dev g7 nodad && ip link set g7 mtu 9000 up");
  shell("ip route add 10.77.0.9/32 dev g7 && ip -6 route add fd77:e::8/128 dev g7");
  shell(
      "ip neigh add 10.77.0.9 lladdr 02:77:00:00:00:07 dev g7 && ip -6 neigh add fd77:e::8 lladdr 02:77:00:00:00:07 "
      "dev g7");
  for (const char* family : {"ip -4", "ip -6"}) {
    const std::string ip = family;
    shell(ip + " route add local default dev lo table 100 && " + ip + " rule add pref 10 iif lo lookup main && " + ip +
          " rule add pref 20 lookup 100");
  }

  guest_.enter();
  silence("eth0");
  eth0_ = interface_index("eth0");
  shell(
      "ip link set lo up && ip link set eth0 mtu 9000 up && ip addr add 10.77.0.9/32 dev eth0 && "
      "ip -6 addr add fd77:e::8/128 dev eth0 nodad");
  shell(
      "ip route add 10.77.0.1 dev eth0 && ip route add default via 10.77.0.1 && ip -6 route add fd77:e::1 dev eth0 && "
      "ip -6 route add default via fd77:e::1");
  shell(
      "ip neigh add 10.77.0.1 lladdr 06:77:00:00:00:07 dev eth0 && ip -6 neigh add fd77:e::1 lladdr 06:77:00:00:00:07 "
      "dev eth0");
  raw_ = Socket(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(0x0003)));
  REQUIRE(raw_.is_open());
  sockaddr_ll here{};
  here.sll_family = AF_PACKET;
  here.sll_protocol = htons(0x0003);
  here.sll_ifindex = static_cast<int>(eth0_);
  REQUIRE(bind(raw_.fd(), reinterpret_cast<sockaddr*>(&here), sizeof(here)) == 0);
}

void Wire::make_sockets(std::uint32_t workers) {
  gateway_.enter();
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    listeners_.push_back(transparent_socket(SOCK_STREAM, static_cast<std::uint16_t>(15001 + worker)));
    datapath_.set_listener(worker, listeners_.back().fd());
  }
  dns_ = transparent_socket(SOCK_DGRAM, 53);
  datapath_.set_dns_socket(dns_.fd());
}

Socket Wire::connect(Endpoint to, int type, std::uint16_t source_port) {
  guest_.enter();
  const AnyAddress remote = address_of(to);
  Socket made(socket(remote.storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  REQUIRE(made.is_open());
  if (source_port != 0) {
    const AnyAddress local = address_of({remote.storage.ss_family == AF_INET ? "0.0.0.0" : "::", source_port});
    set_option(made.fd(), SOL_SOCKET, SO_REUSEADDR, 1);
    REQUIRE(bind(made.fd(), local.get(), local.size) == 0);
  }
  const int connected = ::connect(made.fd(), remote.get(), remote.size);
  REQUIRE((connected == 0 || errno == EINPROGRESS));
  return made;
}

Socket Wire::accept(std::uint32_t worker, std::chrono::milliseconds limit) {
  const int fd = listeners_.at(worker).fd();
  if (!wait_readable(fd, limit)) return {};
  return Socket(accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

void Wire::send_raw(const Bytes& frame) {
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(eth0_);
  to.sll_halen = 6;
  REQUIRE(sendto(raw_.fd(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)) ==
          static_cast<ssize_t>(frame.size()));
}

Bytes Wire::receive_raw(std::uint16_t ethertype, std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    if (!wait_readable(raw_.fd(), std::chrono::duration_cast<std::chrono::milliseconds>(end - now))) break;
    Bytes frame(70000);
    sockaddr_ll from{};
    socklen_t from_size = sizeof(from);
    auto size = recvfrom(raw_.fd(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 14 || from.sll_pkttype == PACKET_OUTGOING) continue;
    frame.resize(static_cast<std::size_t>(size));
    if ((frame[12] << 8 | frame[13]) == ethertype) return frame;
  }
  return {};
}

void Wire::forget() {
  while (wait_readable(raw_.fd(), std::chrono::milliseconds(0))) {
    char byte = 0;
    if (recv(raw_.fd(), &byte, 1, MSG_TRUNC) < 0) break;
  }
  seen_ = datapath_.counters(kSlot);
}

enforcer_counters Wire::changes(std::uint64_t frames) {
  const auto end = Clock::now() + kSoon;
  auto now = datapath_.counters(kSlot);
  while (sum_of_verdicts(now - seen_) < frames && Clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    now = datapath_.counters(kSlot);
  }
  auto change = now - seen_;
  seen_ = now;
  return change;
}

}  // namespace enforcer::bpf_test
