// Any octets may stand in a policy file: loading them ends, with a snapshot or with problems, and a snapshot answers.
#include <cstdint>
#include <cstdlib>

#include "policy/decide.h"
#include "policy/explain.h"
#include "policy/loader.h"

namespace {

using namespace enforcer;
using namespace enforcer::policy;

void ask(const GuestPolicy& policy) {
  static const char* const kNames[] = {"a.test", "x.a.test", "b.a.test", "github.com", "a"};
  static const Port kPorts[] = {kHttpsPort, kHttpPort, Port{5432}, Port{0}};
  for (const char* name : kNames) {
    for (const Port port : kPorts) {
      for (const Layer layer : {Layer::kDns, Layer::kL4, Layer::kTls, Layer::kHttp}) {
        Facts facts;
        facts.layer = layer;
        facts.host = *HostName::parse(name);
        facts.port = port;
        const Decision decision = decide(policy, facts);
        // Invariant 2: an allow has a rule that says so.
        if (decision.allowed() && decision.rule == nullptr) std::abort();
        if (decision.allowed() && !policy.selected()) std::abort();
        (void)explain(policy, facts);
        (void)deny_address(policy, facts, IpAddress::v4(0x5db8d822));
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const SourceText source{"fuzz.yaml", std::string(reinterpret_cast<const char*>(data), size)};
  const LoadOutcome outcome = load({&source, 1}, 1);
  for (const Diagnostic& diagnostic : outcome.diagnostics) (void)diagnostic.to_string();
  if (!outcome.snapshot) {
    if (outcome.diagnostics.empty()) std::abort();  // a refusal says why
    return 0;
  }
  ask(*outcome.snapshot->for_guest(*GuestName::parse("g1"), {{"role", "agent"}}));
  ask(*outcome.snapshot->for_guest(*GuestName::parse("g2"), {}));
  return 0;
}
