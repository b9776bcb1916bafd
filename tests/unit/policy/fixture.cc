#include "fixture.h"

#include <fmt/format.h>

namespace enforcer::policy::test {
namespace {

std::string named(const RuleInfo* rule) {
  return rule ? fmt::format(" {}/{}", rule->policy, rule->rule) : "";
}

std::string label(Handling handling) {
  switch (handling) {
    case Handling::kNone:
      return "";
    case Handling::kClassify:
      return " classify";
    case Handling::kOpaque:
      return " opaque";
    case Handling::kPassthrough:
      return " passthrough";
    case Handling::kIntercept:
      return " intercept";
  }
  return "";
}

}  // namespace

std::string problems(const std::string& text, const std::string& file) {
  const SourceText source{file, text};
  std::string all;
  for (const Diagnostic& diagnostic : load({&source, 1}, 1).diagnostics) all += diagnostic.to_string() + "\n";
  return all;
}

std::shared_ptr<const Snapshot> must_load(const std::vector<std::string>& texts) {
  std::vector<SourceText> sources;
  for (const std::string& text : texts) sources.push_back({fmt::format("file{}.yaml", sources.size()), text});
  const LoadOutcome outcome = load(sources, 1);
  std::string all;
  for (const Diagnostic& diagnostic : outcome.diagnostics) all += diagnostic.to_string() + "\n";
  REQUIRE_MESSAGE(outcome.snapshot, all);
  return outcome.snapshot;
}

std::shared_ptr<const GuestPolicy> agent_policy(const std::vector<std::string>& texts) {
  return must_load(texts)->for_guest(*GuestName::parse("g1"), {{"role", "agent"}, {"team", "x"}});
}

std::string policy_with(const std::string& spec, const std::string& name) {
  return fmt::format(
      "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: {}}}\n"
      "spec: {{guests: {{matchLabels: {{role: agent}}}}, {}}}\n",
      name, spec);
}

std::string guardrail_with(const std::string& spec, const std::string& name) {
  return fmt::format("apiVersion: enforcer.dev/v1\nkind: Guardrail\nmetadata: {{name: {}}}\nspec: {{{}}}\n", name,
                     spec);
}

WallClock::time_point test_time() {
  return std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
}

Facts facts(const std::string& question) {
  Facts facts;
  facts.now = test_time();
  const auto space = question.find(' ');
  const std::string layer = question.substr(0, space);
  std::string where = question.substr(space + 1);
  facts.layer = layer == "dns"    ? Layer::kDns
                : layer == "l4"   ? Layer::kL4
                : layer == "http" ? Layer::kHttp
                                  : Layer::kTls;
  facts.ech = layer == "ech";
  if (facts.layer != Layer::kDns) {
    const auto colon = where.rfind(':');
    facts.port = Port{static_cast<std::uint16_t>(std::stoi(where.substr(colon + 1)))};
    where.resize(colon);
  }
  if (facts.layer == Layer::kHttp) facts.method = "GET", facts.path = "/";
  if (const auto address = IpAddress::parse(where)) {
    facts.destination = *address;
  } else if (const auto name = HostName::parse(where)) {
    facts.host = *name;
  }
  return facts;
}

std::string answer(const Decision& decision) {
  std::string text = fmt::format("{}{}", policy::label(decision.action), label(decision.handling));
  if (!decision.allowed() || decision.would) text += fmt::format(" {}", policy::label(decision.reason));
  text += named(decision.rule);
  if (decision.would) {
    text += fmt::format(" would {} {}{}", policy::label(decision.would->action), policy::label(decision.would->reason),
                        named(decision.would->rule));
  }
  return text;
}

std::string answer(const GuestPolicy& policy, const std::string& question) {
  return answer(decide(policy, facts(question)));
}

}  // namespace enforcer::policy::test
