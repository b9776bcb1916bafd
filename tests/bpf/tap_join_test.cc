// A tap and a veth joined by tap_join: frames written to the tap, as QEMU would, meet guest_egress on the veth's far
// end, and the answers come out of the tap.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tap_join.skel.h"
#include "wire.h"

using namespace enforcer::bpf_test;

namespace {

// Wire's guest namespace, turned into a microVM's: no addresses, and a tap beside eth0.
class TapWire : public Wire {
 public:
  TapWire() {
    guest().enter();
    shell("ip addr flush dev eth0 && ip -6 addr flush dev eth0");
    REQUIRE(interface_index("eth0") == ENFORCER_ETH_IFINDEX);
    tap_ = Socket(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    REQUIRE(tap_.is_open());
    ifreq request{};
    std::strcpy(request.ifr_name, "tap0");
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
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
