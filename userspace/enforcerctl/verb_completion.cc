// completion: scripts with which a shell completes the tool's command line.
#include "enforcerctl/command_line.h"
#include "enforcerctl/completion.h"
#include "enforcerctl/option_values.h"

namespace enforcer::ctl {
namespace {

struct CompletionOptions {
  std::string shell;
};

ExitCode print_completion(Tool& tool, const CompletionOptions& options) {
  const Verb root = verb_tree();
  if (options.shell == "bash") tool.terminal().out(bash_completion(root));
  if (options.shell == "zsh") tool.terminal().out(zsh_completion(root));
  if (options.shell == "fish") tool.terminal().out(fish_completion(root));
  return ExitCode::kOk;
}

}  // namespace

void add_completion(CLI::App& root, CommandLine& line) {
  auto options = std::make_shared<CompletionOptions>();
  CLI::App& verb = add_verb(
      root, line,
      {.name = "completion",
       .summary = "Prints the completion script of a shell",
       .examples = {"completion bash > ~/.local/share/bash-completion/completions/enforcerctl",
                    "completion zsh > ~/.zfunc/_enforcerctl",
                    "completion fish > ~/.config/fish/completions/enforcerctl.fish"},
       .more = "The packages install all three. Names of guests, reviews, credentials, policies and images are asked\n"
               "for while you type; without a daemon there are none.",
       .prints = VerbText::Prints::kText});
  verb.add_option("SHELL", options->shell, "Whose script")->required()->check(one_of({"bash", "zsh", "fish"}));
  when_chosen(verb, line, options, print_completion);
}

}  // namespace enforcer::ctl
