// bench_datapath: what the BPF programs cost for each packet, in nanoseconds; a JSON line for each kind of packet.
//
//   in_a_row_ns  by BPF_PROG_TEST_RUN, a million times the same packet. None for packets that become their own answer:
//                the second run would see the answer
//   alone_ns     the same once at a time, the median: with the kernel's own clock around it, and from a colder cache
//   live_ns      a real connection through a veth, as BPF_ENABLE_STATS accounts for it (with its clock, too): the
//                packets that carry the data, and the acknowledgements that come back
//
// BPF_PROG_TEST_RUN cannot assign a socket (tests/bpf/datapath.h): a packet that would be steered does everything up to
// that call and ends in sk_assign_fail. What the call adds is in live_ns. Every run's verdict is checked.
#define DOCTEST_CONFIG_IMPLEMENT
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <linux/pkt_cls.h>
#include <sys/socket.h>

#include <algorithm>

#include "../bpf/wire.h"

using namespace enforcer::bpf_test;

namespace {

constexpr int kInARow = 1'000'000;
constexpr int kAlone = 20'000;
constexpr std::size_t kLiveBytes = 256 << 20;
constexpr std::uint64_t kNoRefill = ~std::uint64_t{0} / 2;  // in the far future
constexpr Ethernet kToGuest{.destination = kGuestMac, .source = kGatewayMac};

enum class Direction { kEgress, kIngress };

struct Expected {
  enforcer_verdict verdict;
  int action;
  std::optional<enforcer_drop_reason> reason;
};
constexpr Expected kSteered{ENFORCER_VERDICT_DROPPED, TC_ACT_SHOT, ENFORCER_DROP_SK_ASSIGN_FAIL};
constexpr Expected kDelivered{ENFORCER_VERDICT_DELIVERED, TC_ACT_OK, {}};
constexpr Expected dropped(enforcer_drop_reason reason) {
  return {ENFORCER_VERDICT_DROPPED, TC_ACT_SHOT, reason};
}
constexpr Expected rejected(enforcer_drop_reason reason) {
  return {ENFORCER_VERDICT_REJECTED, TC_ACT_REDIRECT, reason};
}

/// Nanoseconds of one run. Every one of `times` runs has the expected outcome.
std::uint32_t run(Wire& wire, Direction direction, const Bytes& frame, const Expected& expected, int times) {
  const auto before = wire.datapath().counters(kSlot);
  const Outcome outcome = direction == Direction::kEgress
                              ? wire.datapath().run_egress(frame, wire.ifindex(), times)
                              : wire.datapath().run_ingress(frame, wire.ifindex(), kMark, times);
  const auto change = wire.datapath().counters(kSlot) - before;
  const auto count = static_cast<std::uint64_t>(times);
  REQUIRE(outcome.action == expected.action);
  REQUIRE(change.verdicts[expected.verdict] == count);
  REQUIRE(sum_of_verdicts(change) == count);
  REQUIRE(sum_of_drops(change) == (expected.reason ? count : 0));
  if (expected.reason) REQUIRE(change.drops[*expected.reason] == count);
  return outcome.nanoseconds;
}

void measure(Wire& wire, const char* what, Direction direction, const Packet& packet, const Expected& expected) {
  INFO(what);
  wire.gateway().enter();
  const enforcer_budget plenty{.refilled_ns = kNoRefill, .tokens = 1'000'000'000};
  wire.datapath().set_budgets(kSlot, {.answers = plenty, .connects = plenty, .queries = plenty});
  const Bytes frame = packet.bytes();
  std::vector<std::uint32_t> alone;
  for (int i = 0; i < kAlone; ++i) alone.push_back(run(wire, direction, frame, expected, 1));
  std::ranges::nth_element(alone, alone.begin() + kAlone / 2);
  fmt::print("{{\"packet\":\"{}\",\"bytes\":{},\"alone_ns\":{}", what, frame.size(), alone[kAlone / 2]);
  if (expected.verdict != ENFORCER_VERDICT_REJECTED)
    fmt::print(",\"in_a_row_ns\":{}", run(wire, direction, frame, expected, kInARow));
  fmt::print("}}\n");
}

struct Spent {
  std::uint64_t nanoseconds;
  std::uint64_t runs;
};

Spent spent(int program) {
  bpf_prog_info info{};
  __u32 size = sizeof(info);
  REQUIRE(bpf_obj_get_info_by_fd(program, &info, &size) == 0);
  return {info.run_time_ns, info.run_cnt};
}

void print_live(const char* what, const Spent& before, const Spent& after) {
  const std::uint64_t runs = after.runs - before.runs;
  REQUIRE(runs > 0);
  fmt::print("{{\"packet\":\"{}\",\"packets\":{},\"live_ns\":{}}}\n", what, runs,
             (after.nanoseconds - before.nanoseconds) / runs);
}

/// One thread is both ends: what is sent is read at once.
void send_through(const Socket& from, const Socket& to) {
  const std::vector<char> out(16384);
  std::vector<char> in(1 << 20);
  std::size_t received = 0;
  for (std::size_t sent = 0; received < kLiveBytes;) {
    if (sent < kLiveBytes) {
      const auto size = send(from.fd(), out.data(), std::min(out.size(), kLiveBytes - sent), 0);
      sent += size > 0 ? static_cast<std::size_t>(size) : 0;
    }
    if (const auto size = recv(to.fd(), in.data(), in.size(), 0); size > 0) received += static_cast<std::size_t>(size);
    if (sent == kLiveBytes) REQUIRE((received == sent || wait_readable(to.fd(), kSoon)));
  }
}

}  // namespace

TEST_CASE_FIXTURE(Wire, "by_test_run") {
  constexpr std::uint16_t kPort = 41000;
  const Socket client = connect({kOriginIpv4, 443}, SOCK_STREAM, kPort);
  REQUIRE(wait_connected(client.fd(), kSoon) == 0);
  const Socket server = accept();
  REQUIRE(server.is_open());

  const Tcp data{.source = kPort, .flags = 0x10};
  const Tcp answer{.source = 443, .destination = kPort, .flags = 0x10};
  const auto egress = [this](const char* what, const Packet& packet, const Expected& expected) {
    measure(*this, what, Direction::kEgress, packet, expected);
  };
  const auto ingress = [this](const char* what, const Packet& packet, const Expected& expected) {
    measure(*this, what, Direction::kIngress, packet, expected);
  };
  egress("steer: SYN to a listener", Ethernet{} / IPv4{} / Tcp{}, kSteered);
  egress("steer: SYN to a listener, IPv6", Ethernet{} / IPv6{} / Tcp{}, kSteered);
  egress("steer: data of a connection", Ethernet{} / IPv4{} / data / Payload(1448), kSteered);
  egress("steer: DNS query", Ethernet{} / IPv4{} / Udp{} / Payload(32), kSteered);
  egress("drop: another's MAC", Ethernet{.source = kOtherMac} / IPv4{} / Tcp{}, dropped(ENFORCER_DROP_L2_SRCMAC));
  egress("drop: another's address", Ethernet{} / IPv4{.source = "10.77.0.10"} / Tcp{},
         dropped(ENFORCER_DROP_IP_SRC_SPOOF));
  egress("drop: flags that no client sends", Ethernet{} / IPv4{} / Tcp{.flags = 0x3f}, dropped(ENFORCER_DROP_TCP_BAD));
  egress("reject: QUIC", Ethernet{} / IPv4{} / Udp{.destination = 443} / Payload(1200),
         rejected(ENFORCER_DROP_UDP_PORT));
  egress("reject: QUIC, IPv6", Ethernet{} / IPv6{} / Udp{.destination = 443} / Payload(1200),
         rejected(ENFORCER_DROP_UDP_PORT));
  egress("reject: ping", Ethernet{} / IPv4{} / Icmp{} / Payload(56), rejected(ENFORCER_DROP_ICMP));
  ingress("ingress: data", kToGuest / IPv4{.source = kOriginIpv4, .destination = kGuestIpv4} / answer / Payload(1448),
          kDelivered);
  ingress("ingress: not for this guest",
          kToGuest / IPv4{.source = kOriginIpv4, .destination = "10.77.0.10"} / answer / Payload(1448),
          dropped(ENFORCER_DROP_INGRESS_FOREIGN));
}

TEST_CASE_FIXTURE(Wire, "on_a_veth") {
  const Socket client = connect({kOriginIpv4, 443}, SOCK_STREAM);
  REQUIRE(wait_connected(client.fd(), kSoon) == 0);
  const Socket server = accept();
  REQUIRE(server.is_open());
  const Socket accounting(bpf_enable_stats(BPF_STATS_RUN_TIME));
  REQUIRE(accounting.is_open());
  const Spent egress = spent(datapath().egress_fd());
  const Spent ingress = spent(datapath().ingress_fd());
  const auto before = datapath().counters(kSlot);
  send_through(client, server);
  const auto change = datapath().counters(kSlot) - before;
  REQUIRE(sum_of_drops(change) == 0);
  REQUIRE(change.verdicts[ENFORCER_VERDICT_STEERED] > 0);
  REQUIRE(change.verdicts[ENFORCER_VERDICT_DELIVERED] > 0);
  print_live("live steer: data of a connection", egress, spent(datapath().egress_fd()));
  print_live("live ingress: acknowledgements", ingress, spent(datapath().ingress_fd()));
}

int main() {
  doctest::Context context;
  context.setOption("minimal", true);  // figures and failures, no summary
  return context.run();
}
