// Real sockets in a guest's namespace against transparent sockets in a gateway's.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "wire.h"

using namespace enforcer::bpf_test;

namespace {

std::string local_name(const Socket& socket, std::uint16_t port) {
  sockaddr_in6 local{};
  socklen_t size = sizeof(local);
  REQUIRE(getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&local), &size) == 0);
  CHECK(ntohs(local.sin6_port) == port);
  return name_of(local);
}

std::uint32_t mark_of(const Socket& socket) {
  std::uint32_t mark = 0;
  socklen_t size = sizeof(mark);
  REQUIRE(getsockopt(socket.fd(), SOL_SOCKET, SO_MARK, &mark, &size) == 0);
  return mark;
}

void send_text(const Socket& socket, std::string_view text) {
  REQUIRE(send(socket.fd(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
}

// Both ends of a connection that is established.
struct Connection {
  Socket client, server;
};

Connection connect_through(Wire& wire, Endpoint to, std::uint16_t source_port = 0) {
  Connection made{wire.connect(to, SOCK_STREAM, source_port), {}};
  REQUIRE(wait_connected(made.client.fd(), kSoon) == 0);
  made.server = wire.accept();
  REQUIRE(made.server.is_open());
  return made;
}

// The peer was reset, or ended, within kSoon.
bool is_over(const Socket& socket) {
  if (!wait_readable(socket.fd(), kSoon)) return false;
  char byte = 0;
  return recv(socket.fd(), &byte, 1, 0) <= 0;
}

void reset_on_close(const Socket& socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  REQUIRE(setsockopt(socket.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
}

// One datagram to the DNS socket and its answer from the address that was asked, as enforcerd does it.
void answer_one_query(const Socket& dns, std::string_view text) {
  REQUIRE(wait_readable(dns.fd(), kSoon));
  std::array<char, 512> data{};
  std::array<char, 256> control{};
  sockaddr_in6 from{};
  iovec vector{.iov_base = data.data(), .iov_len = data.size()};
  msghdr message{};
  message.msg_name = &from, message.msg_namelen = sizeof(from);
  message.msg_iov = &vector, message.msg_iovlen = 1;
  message.msg_control = control.data(), message.msg_controllen = control.size();
  REQUIRE(recvmsg(dns.fd(), &message, 0) > 0);
  std::copy(text.begin(), text.end(), data.begin());
  vector.iov_len = text.size();
  REQUIRE(sendmsg(dns.fd(), &message, 0) == static_cast<ssize_t>(text.size()));  // with the PKTINFO that came in
}

}  // namespace

TEST_CASE("tcp_reaches_the_listener_with_its_destination_and_its_guest") {
  Wire wire;
  for (const char* origin : {kOriginIpv4, kOriginIpv6, kGatewayIpv4, kGatewayIpv6}) {
    CAPTURE(std::string_view(origin));
    wire.forget();
    Connection connection = connect_through(wire, {origin, 443});
    CHECK(local_name(connection.server, 443) == origin);
    CHECK(mark_of(connection.server) == kMark);
    send_text(connection.client, "to the origin");
    CHECK(receive(connection.server.fd()) == "to the origin");
    send_text(connection.server, "to the guest");
    CHECK(receive(connection.client.fd()) == "to the guest");
    auto change = wire.changes(6);
    CHECK(change.verdicts[ENFORCER_VERDICT_STEERED] >= 3);
    CHECK(change.verdicts[ENFORCER_VERDICT_DELIVERED] >= 3);
    CHECK(sum_of_drops(change) == 0);
  }
}

TEST_CASE("megabytes_cross_both_ways_with_segmentation_offload") {
  Wire wire;
  Connection connection = connect_through(wire, {kOriginIpv4, 443});
  constexpr std::size_t kSize = 4 << 20;
  std::string sent(kSize, '\0');
  for (std::size_t i = 0; i < kSize; ++i) sent[i] = static_cast<char>(i * 31 + i / 4096);
  for (auto [from, to] :
       {std::pair{&connection.client, &connection.server}, std::pair{&connection.server, &connection.client}}) {
    wire.forget();
    std::string received;
    std::size_t written = 0;
    while (received.size() < kSize) {
      if (written < kSize) {
        auto size = send(from->fd(), sent.data() + written, kSize - written, 0);
        if (size > 0) written += static_cast<std::size_t>(size);
      }
      const std::string part = receive(to->fd());
      REQUIRE_FALSE(part.empty());
      received += part;
    }
    CHECK(received == sent);
    auto change = wire.changes(2);
    CHECK(change.egress_bytes + change.ingress_bytes > kSize);
    CHECK(sum_of_verdicts(change) < kSize / 1500);  // larger than the link's frames: offload was in use
    CHECK(sum_of_drops(change) == 0);
  }
}

TEST_CASE("connections_spread_over_the_workers_in_use") {
  constexpr std::uint32_t kWorkers = 4;
  constexpr int kConnections = 120;
  Wire wire(kWorkers);
  for (std::uint32_t in_use : {kWorkers, std::uint32_t{1}}) {
    wire.datapath().set_workers(in_use);
    std::vector<Socket> clients;
    for (int i = 0; i < kConnections; ++i) {
      clients.push_back(wire.connect({i % 2 ? kOriginIpv4 : kOriginIpv6, 443}, SOCK_STREAM));
      REQUIRE(wait_connected(clients.back().fd(), kSoon) == 0);
    }
    int total = 0;
    for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
      int accepted = 0;
      while (wire.accept(worker, std::chrono::milliseconds(0)).is_open()) ++accepted;
      if (worker < in_use)
        CHECK(accepted >= kConnections / static_cast<int>(in_use) / 3);
      else
        CHECK(accepted == 0);
      total += accepted;
    }
    CHECK(total == kConnections);
  }
}

TEST_CASE("a_guest_cannot_choose_a_listener_by_its_port") {
  Wire wire(2);
  wire.datapath().set_workers(1);
  Socket client = wire.connect({kGatewayIpv4, 15002}, SOCK_STREAM);  // where the listener of worker 1 is bound
  REQUIRE(wait_connected(client.fd(), kSoon) == 0);
  Socket server = wire.accept(0);
  REQUIRE(server.is_open());
  CHECK(local_name(server, 15002) == kGatewayIpv4);
  CHECK_FALSE(wire.accept(1, std::chrono::milliseconds(0)).is_open());
}

TEST_CASE("the_worker_depends_on_addresses_and_ports_only") {
  // Each socket stamps its packets with a random hash of its own; the same four-tuple must still meet the same worker.
  constexpr std::uint32_t kWorkers = 8;
  Wire wire(kWorkers);
  std::uint32_t first = kWorkers;
  for (int i = 0; i < 8; ++i) {
    Socket client = wire.connect({kOriginIpv4, 443}, SOCK_STREAM, 42000);
    REQUIRE(wait_connected(client.fd(), kSoon) == 0);
    std::uint32_t worker = 0;
    Socket server = wire.accept(worker, std::chrono::milliseconds(0));
    while (!server.is_open() && ++worker < kWorkers) server = wire.accept(worker, std::chrono::milliseconds(0));
    REQUIRE(server.is_open());
    if (i == 0) first = worker;
    CHECK(worker == first);
    reset_on_close(client);
    client.reset();
    CHECK(is_over(server));
  }
}

TEST_CASE("syn_cookies_come_back_to_their_listener") {
  Wire wire(4);
  wire.gateway().enter();
  write_sysctl("ipv4/tcp_syncookies", "2");
  for (int i = 0; i < 20; ++i) {
    Socket client = wire.connect({i % 2 ? kOriginIpv4 : kOriginIpv6, 443}, SOCK_STREAM);
    REQUIRE(wait_connected(client.fd(), kSoon) == 0);
    send_text(client, "x");
    bool arrived = false;
    for (std::uint32_t worker = 0; worker < 4 && !arrived; ++worker) {
      Socket server = wire.accept(worker, std::chrono::milliseconds(20));
      if (!server.is_open()) continue;
      CHECK(mark_of(server) == kMark);
      arrived = receive(server.fd()) == "x";
    }
    CHECK(arrived);
  }
}

TEST_CASE("dns_round_trip_for_any_resolver_address") {
  Wire wire;
  for (const char* resolver : {"8.8.8.8", "2001:4860:4860::8888", kGatewayIpv4, kGatewayIpv6}) {
    CAPTURE(std::string_view(resolver));
    wire.forget();
    Socket client = wire.connect({resolver, 53}, SOCK_DGRAM);  // connected: takes answers from `resolver`:53 only
    send_text(client, "query");
    answer_one_query(wire.dns(), "answer");
    CHECK(receive(client.fd()) == "answer");
    auto change = wire.changes(2);
    CHECK(change.verdicts[ENFORCER_VERDICT_STEERED] == 1);
    CHECK(change.verdicts[ENFORCER_VERDICT_DELIVERED] == 1);
    CHECK(sum_of_verdicts(change) == 2);
  }
}

TEST_CASE("only_the_dns_socket_may_send_udp_to_a_guest") {
  Wire wire;
  wire.gateway().enter();
  Socket other(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in guest{};
  guest.sin_family = AF_INET;
  guest.sin_port = htons(40000);
  guest.sin_addr.s_addr = ipv4_bytes(kGuestIpv4);
  wire.forget();
  CHECK(sendto(other.fd(), "x", 1, 0, reinterpret_cast<sockaddr*>(&guest), sizeof(guest)) == 1);
  auto change = wire.changes(1);
  CHECK(change.drops[ENFORCER_DROP_INGRESS_FOREIGN] == 1);
  CHECK(sum_of_verdicts(change) == 1);
}

TEST_CASE("nobody_can_open_a_connection_to_a_guest") {
  Wire wire;
  wire.guest().enter();
  Socket service(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(listen(service.fd(), 8) == 0);
  sockaddr_in6 local{};
  socklen_t size = sizeof(local);
  REQUIRE(getsockname(service.fd(), reinterpret_cast<sockaddr*>(&local), &size) == 0);
  wire.gateway().enter();
  Socket caller(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  auto guest = ipv6_bytes(kGuestIpv6);
  std::memcpy(&local.sin6_addr, guest.data(), guest.size());
  wire.forget();
  CHECK(connect(caller.fd(), reinterpret_cast<sockaddr*>(&local), sizeof(local)) == -1);
  CHECK_FALSE(wait_readable(service.fd(), kAWhile));
  CHECK(wire.changes(1).drops[ENFORCER_DROP_INGRESS_FOREIGN] >= 1);
}

TEST_CASE("refused_udp_fails_at_once") {
  Wire wire;
  for (int round = 0; round < 2; ++round) {
    if (round == 1) {
      // With checksum offload off, the kernel finishes the checksum that our rewrite left partial.
      wire.gateway().enter();
      Socket control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      ethtool_value off{.cmd = ETHTOOL_STXCSUM, .data = 0};
      ifreq request{};
      std::strcpy(request.ifr_name, "g7");
      request.ifr_data = reinterpret_cast<char*>(&off);
      REQUIRE(ioctl(control.fd(), SIOCETHTOOL, &request) == 0);
    }
    for (auto [origin, error] : {std::pair{kOriginIpv4, EHOSTUNREACH}, std::pair{kOriginIpv6, EACCES}}) {
      CAPTURE(std::string_view(origin));
      for (int i = 0; i < 10; ++i) {
        wire.forget();
        Socket client = wire.connect({origin, 443}, SOCK_DGRAM);
        send_text(client, "quic");
        CHECK(wait_readable(client.fd(), kSoon));
        char byte = 0;
        CHECK(recv(client.fd(), &byte, 1, 0) == -1);
        CHECK(errno == error);
        auto change = wire.changes(2);
        CHECK(change.verdicts[ENFORCER_VERDICT_REJECTED] == 1);
        CHECK(change.verdicts[ENFORCER_VERDICT_DELIVERED] == 1);
        CHECK(change.drops[ENFORCER_DROP_UDP_PORT] == 1);
      }
    }
  }
}

TEST_CASE("refused_udp_with_segmentation_offload_fails_at_once") {
  Wire wire;
  Socket client = wire.connect({kOriginIpv4, 443}, SOCK_DGRAM);
  const int segment = 1000;
  REQUIRE(setsockopt(client.fd(), IPPROTO_UDP, 103 /* UDP_SEGMENT */, &segment, sizeof(segment)) == 0);
  send_text(client, std::string(5000, 'q'));
  CHECK(wait_readable(client.fd(), kSoon));
  char byte = 0;
  CHECK(recv(client.fd(), &byte, 1, 0) == -1);
  CHECK(errno == EHOSTUNREACH);
}

TEST_CASE("invariant_11_enforcerd_gone_means_silence_and_back_means_service") {
  Wire wire;
  Connection before = connect_through(wire, {kOriginIpv4, 443});
  reset_on_close(before.server);
  wire.datapath().set_workers(0);
  before.server.reset();
  CHECK(is_over(before.client));  // the last thing it says is a reset, which reaches the guest

  Socket waiting = wire.connect({kOriginIpv4, 443}, SOCK_STREAM);
  CHECK(wait_connected(waiting.fd(), kAWhile) == ETIMEDOUT);
  wire.datapath().set_workers(1);
  CHECK(wait_connected(waiting.fd(), kSoon) == 0);  // the guest's own retransmission
  CHECK(wire.accept().is_open());
}

TEST_CASE("a_port_in_time_wait_on_our_side_can_be_used_again") {
  Wire wire;
  for (const char* origin : {kOriginIpv4, kOriginIpv6}) {
    CAPTURE(std::string_view(origin));
    for (int i = 0; i < 3; ++i) {
      Connection connection = connect_through(wire, {origin, 443}, 41000);
      REQUIRE(shutdown(connection.server.fd(), SHUT_WR) == 0);  // we end first: TIME_WAIT is ours
      CHECK(is_over(connection.client));
      connection.client.reset();
      CHECK(is_over(connection.server));
    }
  }
}

TEST_CASE("invariant_9_a_connection_of_an_earlier_guest_is_not_resumed") {
  Wire wire;
  Connection connection = connect_through(wire, {kOriginIpv4, 443});
  send_text(connection.client, "first");
  CHECK(receive(connection.server.fd()) == "first");
  // The same address, another guest: what continues the old connection meets a listener, which resets it.
  enforcer_guest later = test_guest();
  later.slot = 8;
  wire.datapath().add_counters(8);
  wire.datapath().add_guest(wire.ifindex(), later);
  send_text(connection.client, "second");
  CHECK(is_over(connection.client));
  CHECK_FALSE(wait_readable(connection.server.fd(), kAWhile));
  Connection fresh = connect_through(wire, {kOriginIpv4, 443});
  CHECK(mark_of(fresh.server) == (ENFORCER_MARK_MAGIC | 8));
}
