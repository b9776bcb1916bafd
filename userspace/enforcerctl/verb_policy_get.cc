// policy get: the text of a policy that is in force, or was.
#include <fmt/format.h>

#include "base/percent.h"
#include "control/policy_history.h"
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {
namespace {

struct GetOptions {
  std::string name;
  std::optional<std::uint64_t> generation;
};

ExitCode get_policy(Tool& tool, const GetOptions& options) {
  std::string target = "/v1/policies/" + percent_encode(options.name);
  if (options.generation) target += fmt::format("?generation={}", *options.generation);
  const auto body = tool.ask("GET", target);
  if (!body) return tool.report(body.error());
  // YAML is what the text is already: an answer in YAML would be a text within a text.
  if (tool.json() && tool.common.output != Output::kYaml) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const auto texts = control::decode_texts(*body);
  if (!texts) return tool.report(texts.error());
  // As it is, for it is to be a file again: what is loaded has no control characters.
  for (const control::PolicyText& object : texts->objects) {
    if (&object != &texts->objects.front()) tool.terminal().out("---\n");
    tool.terminal().out(object.text.ends_with('\n') ? object.text : object.text + "\n");
    tool.say(fmt::format("{} {} of generation {}, {} {}:{}", object.kind, object.name, texts->generation,
                         object.applied ? "applied:" : "in a configured file:", object.file, object.line));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_policy_get(CLI::App& policy, CommandLine& line) {
  auto options = std::make_shared<GetOptions>();
  CLI::App& verb = add_verb(
      policy, line,
      {.name = "get",
       .summary = "Prints a policy or guardrail that is in force, as it was written",
       .examples = {"policy get coding-agent > coding-agent.yaml", "policy get coding-agent --generation 12",
                    "policy get coding-agent -o json"},
       .more = "A Policy and a Guardrail of the same name are both printed. -o yaml is the text itself, too."});
  verb.add_option("POLICY", options->name, "metadata.name")->required();
  verb.add_option("--generation", options->generation, "As it was in this one of 'policy history'")
      ->type_name("NUMBER");
  when_chosen(verb, line, options, get_policy);
}

}  // namespace enforcer::ctl
