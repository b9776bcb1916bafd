// The gateway namespace and its routing, in a namespace that each test makes and that ends with it. They need root.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "host/command.h"
#include "host/guest_link.h"
#include "host/netns.h"
#include "host/network.h"
#include "kernel_instance.h"

namespace enforcer::host {
namespace {

using namespace std::chrono_literals;

TEST_CASE("the_gateway_namespace_refuses_interfaces_that_are_not_ours") {
  if (!is_root()) return;
  const Instance instance;
  {
    const auto gateway = Gateway::open(instance.netns);
    REQUIRE(gateway);
  }
  REQUIRE(Gateway::open(instance.netns));  // the control: taking it over is fine
  const auto netns = Netns::open(instance.netns);
  REQUIRE(netns);
  {
    const auto inside = NetnsScope::enter(*netns);
    REQUIRE(Rtnl::open()->make_veth(
        {.name = "uplink", .mac = guest_mac(Slot{1}), .peer_name = "uplink2", .peer_mac = guest_mac(Slot{2})}, *netns));
  }
  const auto refused = Gateway::open(instance.netns);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kConflict);
}

TEST_CASE("routing_that_nobody_touched_is_left_alone_and_what_is_foreign_is_removed") {
  if (!is_root()) return;
  const Instance instance;
  auto network = Network::open(instance.netns, instance.bpffs);
  REQUIRE(network);
  const auto guest = Netns::make();
  REQUIRE(GuestLink::make(*network, addresses(7), *guest, 0));
  CHECK(*network->gateway.restore(true) == "");
  const auto ip = [&](std::vector<std::string> words) {
    const auto inside = NetnsScope::enter(network->gateway.netns());
    words.insert(words.begin(), "/sbin/ip");
    return run_command(words, "", Deadline::after(10s));
  };
  for (const char* family : {"-4", "-6"}) {
    for (const std::vector<std::string>& damage :
         {std::vector<std::string>{"route", "replace", "prohibit", "default", "table", "119"},
          {"route", "add", "default", "dev", "g7", "metric", "7"},
          {"route", "change", "local", "default", "dev", "lo", "table", "119", "mtu", "1280"},
          {"rule", "add", "pref", "0", "iif", "g7", "lookup", "main"},
          {"rule", "add", "pref", "99", "fwmark", "0x77000000/0xff000000", "prohibit"}}) {
      std::vector<std::string> words{family};
      words.insert(words.end(), damage.begin(), damage.end());
      const std::string rules = *ip({family, "rule"});
      const std::string routes = *ip({family, "route", "show", "table", "all"});
      REQUIRE(ip(words));
      CHECK(*network->gateway.restore(true) == "the routes");
      CHECK(*network->gateway.restore(true) == "");
      CHECK(*ip({family, "rule"}) == rules);
      CHECK(*ip({family, "route", "show", "table", "all"}) == routes);
    }
    // Behind ours anybody may have rules.
    REQUIRE(ip({family, "rule", "add", "pref", "200", "lookup", "main"}));
    CHECK(*network->gateway.restore(true) == "");
  }
}

}  // namespace
}  // namespace enforcer::host
