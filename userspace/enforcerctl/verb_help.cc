// help: what --help says, for hands that type it as a verb.
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {
namespace {

struct HelpOptions {
  std::vector<std::string> words;
};

int print_help(Tool& tool, const HelpOptions& options) {
  auto words = options.words;
  words.emplace_back("--help");
  return run_tool(words, tool.terminal());
}

}  // namespace

void add_help(CLI::App& root, CommandLine& line) {
  auto options = std::make_shared<HelpOptions>();
  CLI::App& verb = add_verb(root, line,
                            {.name = "help",
                             .summary = "Shows what a verb does and which options it has",
                             .examples = {"help", "help policy check"},
                             .more = "",
                             .prints = VerbText::Prints::kText});
  verb.add_option("VERB", options->words, "The verb");
  when_chosen(verb, line, options, print_help);
}

}  // namespace enforcer::ctl
