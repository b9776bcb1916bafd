// A tap and a veth joined by tap_join: frames written to the tap, as QEMU would, meet guest_egress on the veth's far
// end, and the answers come out of the tap.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <random>

#include "tap_join.skel.h"
#include "wire.h"

using namespace enforcer::bpf_test;

namespace {

// Of Virtio 1.2, 5.1.6 (linux/virtio_net.h is no C++).
struct VirtioHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t hdr_len = 0;
  std::uint16_t gso_size = 0;
  std::uint16_t csum_start = 0;
  std::uint16_t csum_offset = 0;
};
static_assert(sizeof(VirtioHeader) == 10);
constexpr std::uint8_t kNeedsChecksum = 1;
constexpr std::uint8_t kDataValid = 2;
constexpr std::uint8_t kGsoTcp4 = 1;
constexpr std::uint8_t kGsoUdp = 3;
constexpr std::uint8_t kGsoTcp6 = 4;
constexpr std::uint8_t kGsoUdpL4 = 5;
constexpr std::uint8_t kGsoEcn = 0x80;

// Wire's guest namespace, turned into a microVM's: no addresses, and a tap beside eth0.
class TapWire : public Wire {
 public:
  /// `flags`: more of IFF_VNET_HDR and the like.
  explicit TapWire(short flags = 0) {
    guest().enter();
    shell("ip addr flush dev eth0 && ip -6 addr flush dev eth0");
    REQUIRE(interface_index("eth0") == ENFORCER_ETH_IFINDEX);
    tap_ = Socket(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    REQUIRE(tap_.is_open());
    const unsigned index = ENFORCER_TAP_IFINDEX;
    REQUIRE(ioctl(tap_.fd(), TUNSETIFINDEX, &index) == 0);
    ifreq request{};
    std::strcpy(request.ifr_name, "tap0");
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | flags);
    REQUIRE(ioctl(tap_.fd(), TUNSETIFF, &request) == 0);
    REQUIRE(interface_index("tap0") == ENFORCER_TAP_IFINDEX);
    write_sysctl("ipv6/conf/tap0/disable_ipv6", "1");
    write_sysctl("ipv6/conf/eth0/disable_ipv6", "1");
    shell("ip link set tap0 up");
    join_ = tap_join__open_and_load();
    REQUIRE(join_ != nullptr);
    attach_to_ingress(ENFORCER_TAP_IFINDEX, join_->progs.tap_to_eth);
    attach_to_ingress(ENFORCER_ETH_IFINDEX, join_->progs.eth_to_tap);
    forget();
  }
  ~TapWire() { tap_join__destroy(join_); }
  TapWire(const TapWire&) = delete;
  TapWire& operator=(const TapWire&) = delete;

  void write_frame(const Bytes& frame) {
    REQUIRE(write(tap_.fd(), frame.data(), frame.size()) == static_cast<ssize_t>(frame.size()));
  }
  /// What a guest's driver hands to QEMU, and QEMU to the tap; false: the kernel refuses it.
  bool write_virtio(const VirtioHeader& header, const Bytes& frame) {
    Bytes packet(reinterpret_cast<const std::uint8_t*>(&header), reinterpret_cast<const std::uint8_t*>(&header + 1));
    packet.insert(packet.end(), frame.begin(), frame.end());
    return write(tap_.fd(), packet.data(), packet.size()) == static_cast<ssize_t>(packet.size());
  }
  Bytes read_frame(std::chrono::milliseconds limit) {
    if (!wait_readable(tap_.fd(), limit)) return {};
    Bytes frame(4096);
    auto size = read(tap_.fd(), frame.data(), frame.size());
    frame.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return frame;
  }

 private:
  static void attach_to_ingress(int ifindex, const bpf_program* program) {
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = ifindex;
    hook.attach_point = BPF_TC_INGRESS;
    REQUIRE(bpf_tc_hook_create(&hook) == 0);
    bpf_tc_opts filter{};
    filter.sz = sizeof(filter);
    filter.prog_fd = bpf_program__fd(program);
    filter.handle = 1;
    filter.priority = 1;
    REQUIRE(bpf_tc_attach(&hook, &filter) == 0);
  }

  Socket tap_;
  struct tap_join* join_ = nullptr;
};

}  // namespace

TEST_CASE("a_microvms_syn_is_steered_and_answered_through_the_tap") {
  TapWire wire;
  constexpr std::size_t kFlags = 14 + 20 + 13;
  wire.write_frame((Ethernet{} / IPv4{} / Tcp{}).bytes());
  const Bytes answer = wire.read_frame(kSoon);
  REQUIRE(answer.size() > kFlags);
  CHECK(std::equal(kGuestMac.begin(), kGuestMac.end(), answer.begin()));
  CHECK(answer[kFlags] == 0x12);  // SYN+ACK
  auto change = wire.changes(2);
  CHECK(change.verdicts[ENFORCER_VERDICT_STEERED] == 1);
  CHECK(change.verdicts[ENFORCER_VERDICT_DELIVERED] == 1);
}

TEST_CASE("a_microvms_frames_are_judged_behind_the_tap") {
  TapWire wire;
  wire.write_frame((Ethernet{.source = kOtherMac} / IPv4{} / Tcp{}).bytes());
  CHECK(wire.changes(1).drops[ENFORCER_DROP_L2_SRCMAC] == 1);
  wire.write_frame((Ethernet{} / Vlan{} / IPv4{} / Tcp{}).bytes());
  CHECK(wire.changes(1).drops[ENFORCER_DROP_L2_VLAN] == 1);
  CHECK(wire.read_frame(kAWhile).empty());
  wire.write_frame((Ethernet{} / IPv4{} / Udp{.destination = 443}).bytes());
  const Bytes refusal = wire.read_frame(kSoon);
  REQUIRE(refusal.size() == 14 + 20 + 8 + 28);
  CHECK(refusal[34] == 3);
  CHECK(refusal[35] == 13);
}

TEST_CASE("hostile_virtio_headers_do_no_more_than_honest_ones") {
  TapWire wire(IFF_VNET_HDR);
  const Bytes syn = (Ethernet{} / IPv4{} / Tcp{}).bytes();
  Bytes large = syn;
  large.resize(syn.size() + 8000, 'x');
  const Bytes foreign = (Ethernet{.source = kOtherMac} / IPv4{} / Tcp{}).bytes();
  // A segment whose payload is itself a frame: cut in the wrong place it would begin another packet.
  Bytes nested = syn;
  nested.insert(nested.end(), foreign.begin(), foreign.end());
  const Bytes* frames[] = {&syn, &large, &foreign, &nested};
  const std::uint8_t types[] = {0, kGsoTcp4, kGsoUdp, kGsoTcp6, kGsoUdpL4, 0x40, 0x7f, kGsoEcn | kGsoTcp4, 0xff};
  const std::uint8_t flags[] = {0, kNeedsChecksum, kDataValid, 0xff};
  const std::uint16_t numbers[] = {0, 1, 13, 14, 34, 54, 1460, 0x7fff, 0xffff};
  std::minstd_rand random(1);
  const auto any = [&](const auto& of) { return of[random() % std::size(of)]; };
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t impostors = 0;
  for (int i = 0; i < 4000; ++i) {
    const Bytes* frame = any(frames);
    const bool taken = wire.write_virtio({.flags = any(flags),
                                          .gso_type = any(types),
                                          .hdr_len = any(numbers),
                                          .gso_size = any(numbers),
                                          .csum_start = any(numbers),
                                          .csum_offset = any(numbers)},
                                         *frame);
    accepted += taken;
    refused += !taken;
    impostors += taken && frame == &foreign;
  }
  REQUIRE(accepted > 100);
  CHECK(refused > 100);  // the kernel itself refuses what makes no sense
  // Each accepted one was judged once and under the guest's name: none became a packet that was not.
  const auto change = wire.changes(accepted);
  std::uint64_t judged = 0;
  for (const std::uint64_t count : change.verdicts) judged += count;
  CHECK(judged - change.verdicts[ENFORCER_VERDICT_DELIVERED] == accepted);
  CHECK(change.drops[ENFORCER_DROP_L2_SRCMAC] == impostors);
  CHECK(impostors > 0);

  while (!wire.read_frame(kAWhile).empty()) continue;  // answers to what was well formed
  wire.forget();
  REQUIRE(wire.write_virtio({}, (Ethernet{} / IPv4{} / Tcp{.source = 40001}).bytes()));
  CHECK(wire.read_frame(kSoon).size() > sizeof(VirtioHeader) + 14 + 20 + 13);  // and an honest one is answered
  CHECK(wire.changes(2).verdicts[ENFORCER_VERDICT_STEERED] == 1);
}
