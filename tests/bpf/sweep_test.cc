// Sweeps: whatever a guest sends, exactly one verdict rises by one, and nothing gets through by accident.
#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include <random>

#include "datapath.h"

using namespace enforcer::bpf_test;

namespace {

// Every frame counted once, and none handed to the kernel.
void check_all_stopped(const enforcer_counters& change, std::uint64_t frames) {
  CHECK(sum_of_verdicts(change) == frames);
  CHECK(sum_of_drops(change) == frames);
  CHECK(change.verdicts[ENFORCER_VERDICT_STEERED] == 0);
  CHECK(change.verdicts[ENFORCER_VERDICT_NEIGHBOUR] == 0);
}

}  // namespace

TEST_CASE_FIXTURE(Bench, "invariant_8_all_65536_ethertypes") {
  Bytes frame = (Ethernet{} / IPv4{} / Tcp{}).bytes();
  auto before = datapath().counters(kSlot);
  std::uint64_t passed = 0;
  for (std::uint32_t type = 0; type < 0x10000; ++type) {
    frame[12] = type >> 8 & 0xff;
    frame[13] = type & 0xff;
    passed += datapath().run_egress(frame, ifindex()).action != TC_ACT_SHOT;
  }
  auto change = datapath().counters(kSlot) - before;
  check_all_stopped(change, 0x10000);
  CHECK(passed == 0);
  CHECK(change.drops[ENFORCER_DROP_L2_LLC] == 0x600);
  CHECK(change.drops[ENFORCER_DROP_L2_VLAN] == 5);
  CHECK(change.drops[ENFORCER_DROP_SK_ASSIGN_FAIL] == 1);  // 0x0800: everything fits
  CHECK(change.drops[ENFORCER_DROP_IP_VER] == 1);          // 0x86dd: an IPv4 header
  CHECK(change.drops[ENFORCER_DROP_ARP_SPOOF] == 1);       // 0x0806
  CHECK(change.drops[ENFORCER_DROP_L2_ETHERTYPE] == 0x10000 - 0x600 - 5 - 3);
  CHECK(change.egress_bytes == 0x10000 * frame.size());
}

TEST_CASE_FIXTURE(Bench, "invariant_8_all_256_protocols_of_both_versions") {
  auto before = datapath().counters(kSlot);
  for (int protocol = 0; protocol < 256; ++protocol) {
    const auto number = static_cast<std::uint8_t>(protocol);
    datapath().run_egress((Ethernet{} / IPv4{.protocol = number} / Payload(64)).bytes(), ifindex());
    datapath().run_egress((Ethernet{} / IPv6{.next_header = number} / Payload(64)).bytes(), ifindex());
  }
  auto change = datapath().counters(kSlot) - before;
  check_all_stopped(change, 512);
  CHECK(change.drops[ENFORCER_DROP_IP_OPTS] == 6);
  CHECK(change.drops[ENFORCER_DROP_IP_FRAG] == 1);
  CHECK(change.drops[ENFORCER_DROP_IP_PROTO] == 2 * 253 - 7);
  CHECK(change.drops[ENFORCER_DROP_ICMP] == 2);
}

TEST_CASE_FIXTURE(Bench, "invariant_8_every_single_byte_of_a_good_frame_may_be_anything") {
  std::uint64_t frames = 0;
  auto before = datapath().counters(kSlot);
  for (const Packet& packet : {Ethernet{} / IPv4{} / Tcp{}, Ethernet{} / IPv6{} / Tcp{}, Ethernet{} / IPv4{} / Udp{}}) {
    const Bytes good = packet.bytes();
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        Bytes frame = good;
        frame[at] ^= static_cast<std::uint8_t>(1 << bit);
        datapath().run_egress(frame, ifindex());
        ++frames;
      }
    }
  }
  check_all_stopped(datapath().counters(kSlot) - before, frames);
}

TEST_CASE_FIXTURE(Bench, "invariant_8_random_frames_behind_a_true_identity") {
  std::mt19937 random(20240229);
  constexpr std::uint64_t kFrames = 20000;
  auto before = datapath().counters(kSlot);
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    const std::uint16_t type = std::array<std::uint16_t, 3>{0x0800, 0x86dd, 0x0806}[random() % 3];
    Bytes frame = (Ethernet{.type = type} / Payload(60 + random() % 60)).bytes();
    for (std::size_t at = 14; at < frame.size(); ++at) frame[at] = static_cast<std::uint8_t>(random());
    if (random() % 2 == 0) {  // often good enough to get behind the first checks
      const Bytes head = type == 0x86dd ? (Ethernet{} / IPv6{.payload_length = 20}).bytes()
                                        : (Ethernet{} / IPv4{.total_length = 40}).bytes();
      std::copy(head.begin() + 14, head.end(), frame.begin() + 14);
      frame[type == 0x86dd ? 20 : 23] = std::array<std::uint8_t, 4>{6, 17, 1, 58}[random() % 4];
    }
    datapath().run_egress(frame, ifindex());
  }
  check_all_stopped(datapath().counters(kSlot) - before, kFrames);
}
