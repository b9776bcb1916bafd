// The parts that talk to the kernel, in namespaces that each test makes and that end with it. They need root.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "abi.h"
#include "host/attachment.h"
#include "host/command.h"
#include "host/guard.h"
#include "host/guest_link.h"
#include "host/guest_side.h"
#include "host/netns.h"
#include "host/network.h"
#include "host/rtnl.h"
#include "host/sysctl.h"
#include "kernel_instance.h"

namespace enforcer::host {
namespace {

using namespace std::chrono_literals;

std::string nft(const Netns& netns, std::vector<std::string> arguments) {
  const auto inside = NetnsScope::enter(netns);
  arguments.insert(arguments.begin(), "/usr/sbin/nft");
  const auto output = run_command(arguments, "", Deadline::after(10s));
  return output ? *output : output.error().message;
}

TEST_CASE("a_scope_returns_to_where_it_came_from") {
  if (!is_root()) return;
  const auto home = Netns::current();
  const auto other = Netns::make();
  REQUIRE(home);
  REQUIRE(other);
  {
    const auto inside = NetnsScope::enter(*other);
    REQUIRE(inside);
    CHECK(Netns::current()->id() == other->id());
  }
  CHECK(Netns::current()->id() == home->id());
  CHECK(home->id() != other->id());
}

TEST_CASE("only_a_network_namespace_is_opened_as_one") {
  const auto code = [](const char* path) { return Netns::open(path).error().code; };
  CHECK(Netns::open("/proc/self/ns/net"));
  CHECK(code("/proc/self/ns/mnt") == Errc::kInvalid);
  CHECK(code("/etc/passwd") == Errc::kInvalid);
  CHECK(code("/dev/null") == Errc::kInvalid);
  CHECK(code("/nonexistent") == Errc::kNotFound);
}

TEST_CASE("a_guard_that_was_changed_is_noticed_and_restored") {
  if (!is_root()) return;
  const auto netns = Netns::make();
  REQUIRE(netns);
  const auto inside = NetnsScope::enter(*netns);
  auto guard = Guard::load();
  REQUIRE(guard);
  CHECK(*guard->verify() == Guard::State::kIntact);
  const std::string loaded = nft(*netns, {"-s", "list", "ruleset"});
  CHECK(loaded.find("0x77000000") != std::string::npos);

  for (const std::vector<std::string>& change : {std::vector<std::string>{"flush", "ruleset"},
                                                 {"flush", "chain", "inet", "guard", "pre"},
                                                 {"insert", "rule", "inet", "guard", "pre", "accept"},
                                                 {"delete", "table", "inet", "guard"}}) {
    nft(*netns, change);
    CHECK(nft(*netns, {"-s", "list", "ruleset"}) != loaded);
    CHECK(*guard->verify() == Guard::State::kRestored);
    CHECK(nft(*netns, {"-s", "list", "ruleset"}) == loaded);
    CHECK(*guard->verify() == Guard::State::kIntact);
  }
  // Somebody else's table is no change of ours.
  nft(*netns, {"add", "table", "inet", "other"});
  CHECK(*guard->verify() == Guard::State::kIntact);
}

TEST_CASE("a_guest_link_is_guarded_before_it_is_up_and_repaired_when_it_is_not") {
  if (!is_root()) return;
  const Instance instance;
  auto network = Network::open(instance.netns, instance.bpffs);
  REQUIRE(network);
  for (const AttachMode mode : {network->mode, AttachMode::kClsact}) {
    CAPTURE(to_string(mode));
    network->mode = mode;
    const auto guest = Netns::make();
    auto link = GuestLink::make(*network, addresses(7), *guest, 0);
    REQUIRE(link);
    CHECK(*link->state(*network) == GuestLink::State::kGuarded);
    CHECK(network->gateway.links().link("g7")->up);
    CHECK(network->gateway.links().link("g7")->mac == gateway_mac(Slot{7}));

    if (mode == AttachMode::kClsact) {
      const auto inside = NetnsScope::enter(network->gateway.netns());
      REQUIRE(run_command({"/sbin/tc", "qdisc", "del", "dev", "g7", "clsact"}, "", Deadline::after(10s)));
    } else {
      const Fd pinned(bpf_obj_get(network->pins.link("g7", "ingress").c_str()));
      REQUIRE(bpf_link_detach(pinned.get()) == 0);
    }
    CHECK(*link->state(*network) == GuestLink::State::kUnguarded);
    REQUIRE(link->repair(*network));
    CHECK(*link->state(*network) == GuestLink::State::kGuarded);

    REQUIRE(link->remove(*network, GuestLink::PairEnds::kNow));
    CHECK_FALSE(network->gateway.links().link("g7"));
    CHECK(*link->state(*network) == GuestLink::State::kGone);
  }
}

TEST_CASE("what_no_record_names_is_removed") {
  if (!is_root()) return;
  const Instance instance;
  auto network = Network::open(instance.netns, instance.bpffs);
  REQUIRE(network);
  const auto kept_guest = Netns::make();
  const auto lost_guest = Netns::make();
  REQUIRE(GuestLink::make(*network, addresses(1), *kept_guest, 0));
  REQUIRE(GuestLink::make(*network, addresses(2), *lost_guest, 0));
  REQUIRE(remove_unknown_guests(*network, {Slot{1}}));
  CHECK(network->gateway.links().link("g1")->up);
  CHECK_FALSE(network->gateway.links().link("g2"));
  CHECK(std::filesystem::exists(network->pins.link("g1", "ingress")) == (network->mode == AttachMode::kTcx));
  CHECK_FALSE(std::filesystem::exists(network->pins.link("g2", "ingress")));
}

TEST_CASE("pins_of_another_version_are_refused_with_what_to_do") {
  if (!is_root()) return;
  const Instance instance;
  REQUIRE(PinFolder::open(instance.bpffs));
  REQUIRE(PinFolder::open(instance.bpffs));
  std::filesystem::create_directory(instance.bpffs + "/abi-9999");
  const auto refused = PinFolder::open(instance.bpffs);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kConflict);
  CHECK(refused.error().message.find("--teardown") != std::string::npos);
}

TEST_CASE("enforcerd_cannot_write_or_freeze_the_counters_it_is_given") {
  if (!is_root()) return;
  const Instance instance;
  const auto network = Network::open(instance.netns, instance.bpffs);
  REQUIRE(network);
  const auto counters = network->datapath.read_only_counters();
  REQUIRE(counters);
  const std::uint32_t nobody = 0;
  std::vector<enforcer_counters> values(1024);  // more than there are CPUs
  CHECK(bpf_map_lookup_elem(counters->get(), &nobody, values.data()) == 0);
  CHECK(bpf_map_update_elem(counters->get(), &nobody, values.data(), BPF_ANY) != 0);
  CHECK(bpf_map_delete_elem(counters->get(), &nobody) != 0);
}

TEST_CASE("listeners_are_transparent_on_ports_of_their_own_and_can_be_opened_again_meanwhile") {
  if (!is_root()) return;
  const Instance instance;
  const auto gateway = Gateway::open(instance.netns);
  REQUIRE(gateway);
  const auto first = open_listeners(*gateway, 4);
  const auto second = open_listeners(*gateway, 4);
  REQUIRE(first);
  REQUIRE(second);
  std::set<in_port_t> ports;
  for (const auto* listeners : {&*first, &*second}) {
    for (const Fd& socket : listeners->tcp) {
      sockaddr_in6 name{};
      socklen_t size = sizeof name;
      REQUIRE(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
      CHECK(ports.insert(name.sin6_port).second);
      linger closing{};
      size = sizeof closing;
      REQUIRE(getsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &closing, &size) == 0);
      CHECK(closing.l_onoff == 1);
      CHECK(closing.l_linger == 0);
      int shared = -1;
      size = sizeof shared;
      REQUIRE(getsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &shared, &size) == 0);
      CHECK(shared == 0);
    }
  }
}

TEST_CASE("pipes_are_one_MiB_each") {
  const auto pipes = make_pipes(3);
  REQUIRE(pipes.size() == 6);
  for (const Fd& end : pipes) CHECK(fcntl(end.get(), F_GETPIPE_SZ) == 1024 * 1024);
}

TEST_CASE("an_attached_namespace_is_configured_and_a_second_interface_is_seen") {
  if (!is_root()) return;
  const Instance instance;
  auto network = Network::open(instance.netns, instance.bpffs);
  const auto guest = Netns::make();
  REQUIRE(network);
  REQUIRE(require_empty(*guest));
  const auto link = GuestLink::make(*network, addresses(3), *guest, 0);
  REQUIRE(link);
  const auto eth = configure_attached(*guest, addresses(3));
  REQUIRE(eth);
  CHECK(*inspect_attached(*guest, *eth) == SideState::kAlone);
  CHECK_FALSE(require_empty(*guest));
  {
    const auto inside = NetnsScope::enter(*guest);
    REQUIRE(Rtnl::open()->make_veth(
        {.name = "x0", .mac = guest_mac(Slot{8}), .peer_name = "x1", .peer_mac = guest_mac(Slot{9})}, *guest));
  }
  CHECK(*inspect_attached(*guest, *eth) == SideState::kSecondPath);
}

TEST_CASE("a_machine_namespace_has_the_tap_and_the_wire_at_the_indexes_of_the_contract") {
  if (!is_root()) return;
  if (access("/dev/net/tun", R_OK | W_OK) != 0) {
    fmt::print("SKIP: there is no /dev/net/tun\n");
    return;
  }
  const Instance instance;
  auto network = Network::open(instance.netns, instance.bpffs);
  const auto guest = make_machine_netns();
  REQUIRE(network);
  REQUIRE(guest);
  const auto link = GuestLink::make(*network, addresses(4), *guest, ENFORCER_ETH_IFINDEX);
  REQUIRE(link);
  for (int start = 0; start < 2; ++start) {  // the second as after a failed boot: the first tap is gone by then
    auto made = TapJoin::make(*network, *guest, Slot{4});
    REQUIRE(made);
    {
      const auto inside = NetnsScope::enter(*guest);
      auto rtnl = Rtnl::open();
      CHECK((*rtnl->link(ENFORCER_ETH_IFINDEX))->name == "eth0");
      CHECK((*rtnl->link(ENFORCER_TAP_IFINDEX))->name == "tap0");
      CHECK((*rtnl->link(ENFORCER_TAP_IFINDEX))->up);
    }
    CHECK(*inspect_machine(*guest) == SideState::kAlone);
    for (const int index : {ENFORCER_ETH_IFINDEX, ENFORCER_TAP_IFINDEX}) {
      CHECK(made->join.intact(*guest));
      if (network->mode == AttachMode::kTcx) {
        const char* end = index == ENFORCER_ETH_IFINDEX ? "eth" : "tap";
        const Fd pinned(bpf_obj_get(network->pins.link("g4", end).c_str()));
        REQUIRE(bpf_link_detach(pinned.get()) == 0);
      } else {
        const auto inside = NetnsScope::enter(*guest);
        const std::string name = index == ENFORCER_ETH_IFINDEX ? "eth0" : "tap0";
        REQUIRE(run_command({"/sbin/tc", "qdisc", "del", "dev", name, "clsact"}, "", Deadline::after(10s)));
      }
      CHECK_FALSE(made->join.intact(*guest));
      auto adopted = TapJoin::adopt(*network, *guest, Slot{4});
      REQUIRE(adopted);
      made->join = *std::move(adopted);
    }
    CHECK(made->join.intact(*guest));
    made->tap.reset();
    CHECK(*inspect_machine(*guest) == SideState::kGone);
  }
  {
    const auto inside = NetnsScope::enter(*guest);
    REQUIRE(Rtnl::open()->make_veth(
        {.name = "x0", .mac = guest_mac(Slot{8}), .peer_name = "x1", .peer_mac = guest_mac(Slot{9})}, *guest));
    CHECK(*inspect_machine(*guest) == SideState::kSecondPath);
  }
}

}  // namespace
}  // namespace enforcer::host
