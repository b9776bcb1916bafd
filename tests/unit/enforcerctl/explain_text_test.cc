// explain, as people see it.
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

TEST_CASE("explain_shows_every_layer_and_the_change_that_would_allow_it") {
  FakeDaemon daemon;
  daemon.set_policy(kAgentPolicy);
  daemon.locked()->guests.push_back(guest_info("vm"));
  const Ran denied = run_with(daemon, {"explain", "api.github.com:8443", "-g", "vm", "--exit-code"});
  CHECK(denied.status == 3);
  const std::string layers = denied.out.substr(denied.out.find("layer by layer"));
  CHECK(layers.contains("dns"));
  CHECK(layers.contains("l4"));
  CHECK(
      denied.out.contains("# in rule agent/api, add it to 'to' at test.yaml:7\n"
                          "to: [\"api.github.com\", \"api.github.com:8443\"]\n"));
  const Ran allowed = run_with(daemon, {"explain", "api.github.com", "-g", "vm", "--exit-code"});
  CHECK(allowed.status == 0);
  CHECK_FALSE(allowed.out.contains("nearest change"));
}
