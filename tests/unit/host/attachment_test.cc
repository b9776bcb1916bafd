// Programs on interfaces, in namespaces that each test makes and that end with it. They need root.
#include "host/attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <linux/bpf.h>

#include <string>
#include <vector>

#include "host/command.h"
#include "host/netns.h"
#include "host/network.h"
#include "kernel_instance.h"

namespace enforcer::host {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a_program_is_attached_adopted_and_missed_in_both_modes") {
  if (!is_root()) return;
  const Instance instance;
  auto network = Network::open(instance.netns, instance.bpffs);
  REQUIRE(network);
  for (const AttachMode mode : {AttachMode::kTcx, AttachMode::kClsact}) {
    if (mode == AttachMode::kTcx && network->mode != AttachMode::kTcx) {
      fmt::print("SKIP: this kernel has no TCX\n");
      continue;
    }
    CAPTURE(to_string(mode));
    const auto netns = Netns::make();
    const auto inside = NetnsScope::enter(*netns);
    const Attachment::Place place{
        .interface_index = 1, .direction = Direction::kIngress, .pin = network->pins.link("g1", "ingress")};
    {
      auto first = Attachment::attach(mode, place, network->datapath.guest_egress());
      REQUIRE(first);
      CHECK(first->intact());
    }
    // The first object is gone, as after a crash; the program is not, and is exchanged for another one.
    auto second = Attachment::attach(mode, place, network->datapath.guest_ingress());
    REQUIRE(second);
    CHECK(second->intact());
    // Somebody replaces our program, or takes it away.
    auto stranger = Attachment::attach(mode, place, network->datapath.guest_egress());
    REQUIRE(stranger);
    CHECK_FALSE(second->intact());
    stranger->remove();
    CHECK_FALSE(stranger->intact());
  }
}

/// A filter that accepts everything, at the priority of ours, as another agent would put it there.
int insert_foreign(int interface_index, bpf_tc_attach_point point, std::uint32_t handle) {
  const bpf_insn accept[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
                             {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  const Fd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", accept, 2, nullptr));
  REQUIRE(program.valid());
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = interface_index;
  hook.attach_point = point;
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = handle;
  options.priority = 1;
  options.prog_fd = program.get();
  return bpf_tc_attach(&hook, &options);
}

TEST_CASE("a_clsact_filter_in_front_of_ours_is_seen_and_overtaken") {
  if (!is_root()) return;
  const Instance instance;
  auto network = Network::open(instance.netns, instance.bpffs);
  REQUIRE(network);
  for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
    const bool ingress = direction == Direction::kIngress;
    CAPTURE(ingress);
    const auto netns = Netns::make();
    const auto inside = NetnsScope::enter(*netns);
    const Attachment::Place place{.interface_index = 1, .direction = direction, .pin = {}};
    const auto attach = [&] {
      return Attachment::attach(AttachMode::kClsact, place, network->datapath.guest_egress());
    };
    const auto tc = [&](std::vector<std::string> words) {
      words.insert(words.begin(), "/sbin/tc");
      return run_command(words, "", Deadline::after(10s));
    };
    const std::string side = ingress ? "ingress" : "egress";
    auto ours = attach();
    REQUIRE(ours);
    CHECK(ours->intact());
    // Every packet, accepted; behind ours it does not matter.
    const auto accept_all = [&](const char* priority, const char* protocol) {
      return tc({"filter", "add", "dev", "lo", side, "prio", priority, "protocol", protocol, "u32", "match", "u32", "0",
                 "0", "flowid", "1:1"});
    };
    REQUIRE(accept_all("2", "all"));
    CHECK(ours->intact());
    for (std::uint32_t handle = 2; handle < 5; ++handle) {
      REQUIRE(insert_foreign(1, ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS, handle) == 0);
      CHECK_FALSE(ours->intact());
      ours = attach();
      REQUIRE(ours);
      CHECK(ours->intact());
      CHECK(attach());  // as after a restart: it is the first already, and is only exchanged
      CHECK(ours->intact());
    }
    // Its place taken by a filter of another kind, and by one for some packets only.
    for (const char* protocol : {"all", "ip"}) {
      REQUIRE(tc({"filter", "del", "dev", "lo", side, "prio", "1"}));
      CHECK_FALSE(ours->intact());
      REQUIRE(accept_all("1", protocol));
      CHECK_FALSE(ours->intact());
      ours = attach();
      REQUIRE(ours);
      CHECK(ours->intact());
    }
    REQUIRE(tc({"qdisc", "del", "dev", "lo", "clsact"}));
    CHECK_FALSE(ours->intact());
  }
}

}  // namespace
}  // namespace enforcer::host
