// Any octets may stand in a policy file: loading them ends, with a snapshot or with problems, and a snapshot answers.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "policy/aws_call.h"
#include "policy/credential_spec.h"
#include "policy/decide.h"
#include "policy/explain.h"
#include "policy/git_call.h"
#include "policy/loader.h"

namespace {

using namespace enforcer;
using namespace enforcer::policy;

/// Requests that many matchers of the corpus speak about, clear and inside TLS; and none.
std::vector<std::shared_ptr<const RequestFacts>> requests() {
  std::vector<std::shared_ptr<const RequestFacts>> made{nullptr};
  for (const auto transport : {RequestFacts::Transport::kClear, RequestFacts::Transport::kTls}) {
    made.push_back(std::make_shared<RequestFacts>(RequestFacts{.transport = transport, .method = "GET", .path = "/"}));
    made.push_back(std::make_shared<RequestFacts>(RequestFacts{.transport = transport,
                                                               .method = "POST",
                                                               .path = "/a/b/git-upload-pack",
                                                               .query = "q=1&q=%32;d",
                                                               .fields = {{"x-a", "b, c"}, {"x-a", "abc"}},
                                                               .aws = AwsCall{"ce", "GetCost", {}}}));
  }
  return made;
}

void check(const GuestPolicy& policy, const Facts& facts) {
  const Decision decision = decide(policy, facts);
  // Invariant 2: an allow has a rule that says so.
  if (decision.action != Action::kDeny && decision.rule == nullptr) std::abort();
  if (decision.action == Action::kReview && !decision.rule->review) std::abort();
  if (decision.allowed() && !policy.selected()) std::abort();
  // Invariant 6: a secret goes only where its credential says, and inside TLS.
  if (decision.credential != nullptr) {
    const bool tls = facts.request && facts.request->transport == RequestFacts::Transport::kTls;
    if (decision.action == Action::kDeny || decision.would || !tls) std::abort();
    if (decision.credential->binding_for(*facts.host, facts.port) == nullptr) std::abort();
  }
  (void)asks_about_aws(policy, facts);
  (void)asks_about_git(policy, facts);
  (void)explain(policy, facts);
  (void)deny_address(policy, facts, IpAddress::v4(0x5db8d822));
}

void ask(const GuestPolicy& policy) {
  static const std::vector<std::shared_ptr<const RequestFacts>> kRequests = requests();
  static const char* const kNames[] = {"a.test", "x.a.test", "b.a.test", "github.com", "a"};
  static const Port kPorts[] = {kHttpsPort, kHttpPort, Port{5432}, Port{0}};
  for (const char* name : kNames) {
    for (const Port port : kPorts) {
      for (const Layer layer : {Layer::kDns, Layer::kL4, Layer::kTls, Layer::kHttp}) {
        Facts facts;
        facts.layer = layer;
        facts.host = *HostName::parse(name);
        facts.port = port;
        if (layer != Layer::kHttp) check(policy, facts);
        for (const auto& request : kRequests) {
          facts.request = request;
          if (layer == Layer::kHttp) check(policy, facts);
        }
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
