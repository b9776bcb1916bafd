#include "fixture.h"

#include <fmt/format.h>

#include "policy/aws_call.h"
#include "policy/credential_spec.h"

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

/// "POST /x?y=z|name: value".
RequestFacts request(std::string text) {
  RequestFacts made;
  for (auto bar = text.rfind('|'); bar != std::string::npos; bar = text.rfind('|')) {
    const std::string field = text.substr(bar + 1);
    const auto colon = field.find(": ");
    made.fields.insert(made.fields.begin(), {field.substr(0, colon), field.substr(colon + 2)});
    text.resize(bar);
  }
  const auto space = text.find(' ');
  made.method = text.substr(0, space);
  made.path = text.substr(space + 1);
  if (const auto mark = made.path.find('?'); mark != std::string::npos) {
    made.query = made.path.substr(mark + 1);
    made.path.resize(mark);
  }
  return made;
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

std::string credential(const std::string& name, const std::string& to) {
  return fmt::format(
      "apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {{name: {}}}\n"
      "spec: {{source: {{file: /run/secrets/{}}}, inject: [{{to: [{}], as: bearer}}]}}\n",
      name, name, to);
}

WallClock::time_point test_time() {
  return std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
}

Facts facts(const std::string& question, std::string_view form) {
  Facts facts;
  facts.now = test_time();
  const auto space = question.find(' ');
  const std::string layer = question.substr(0, space);
  std::string where = question.substr(space + 1);
  const bool websocket = layer == "ws" || layer == "wss";
  facts.layer = layer == "dns"                                     ? Layer::kDns
                : layer == "l4"                                    ? Layer::kL4
                : layer == "http" || layer == "https" || websocket ? Layer::kHttp
                                                                   : Layer::kTls;
  facts.ech = layer == "ech";
  if (facts.layer == Layer::kHttp) {
    const auto end = where.find(' ');
    auto asked = std::make_shared<RequestFacts>(request(end == std::string::npos ? "GET /" : where.substr(end + 1)));
    asked->websocket = websocket;
    if (layer == "https" || layer == "wss") asked->transport = RequestFacts::Transport::kTls;
    facts.request = std::move(asked);
    where = where.substr(0, end);
  }
  if (facts.layer != Layer::kDns) {
    const auto colon = where.rfind(':');
    facts.port = Port{static_cast<std::uint16_t>(std::stoi(where.substr(colon + 1)))};
    where.resize(colon);
  }
  if (const auto address = IpAddress::parse(where)) {
    facts.destination = *address;
  } else if (const auto name = HostName::parse(where)) {
    facts.host = *name;
  }
  if (facts.request) add_aws_call(facts, form);
  return facts;
}

std::string answer(const Decision& decision) {
  std::string text = fmt::format("{}{}", policy::label(decision.action), label(decision.handling));
  if (!decision.allowed() || decision.would) text += fmt::format(" {}", policy::label(decision.reason));
  text += named(decision.rule);
  if (decision.credential) text += " with " + decision.credential->name;
  if (decision.set_cookie) text += " and cookies";
  if (decision.would) {
    text += fmt::format(" would {} {}{}", policy::label(decision.would->action), policy::label(decision.would->reason),
                        named(decision.would->rule));
  }
  return text;
}

std::string answer(const GuestPolicy& policy, const std::string& question) {
  return answer(decide(policy, facts(question)));
}

void check(const GuestPolicy& policy, std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    CAPTURE(row.question);
    CHECK(answer(policy, row.question) == row.answer);
  }
}

}  // namespace enforcer::policy::test
