#include "enforcerctl/verb_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "enforcerctl/command_line.h"

namespace enforcer::ctl {
namespace {

/// Nobody is there: only the tree is wanted.
class NoTerminal : public Terminal {
 public:
  void out(std::string_view) override {}
  void err(std::string_view) override {}
  [[nodiscard]] bool watched() const override { return false; }
  [[nodiscard]] bool coloured() const override { return false; }
  [[nodiscard]] std::size_t width() const override { return 80; }
};

/// "NAME:{a,b}", "N:INT in [1 - 64]", as CLI11 writes a value and what it is checked for: the name, and the set.
void split_type(std::string_view text, Argument& argument) {
  std::size_t end = text.size();
  for (const std::string_view check : {":{", ":INT in ", ":UINT in ", ":POSITIVE"})
    end = std::min(end, text.find(check));
  argument.value = text.substr(0, end);
  std::string_view set = text.substr(end);
  if (!set.starts_with(":{")) return;
  set.remove_prefix(2);
  std::string word;
  for (const char c : set) {
    if (c != ',' && c != '}') {
      word += c;
    } else {
      argument.choices.push_back(std::exchange(word, ""));
    }
    if (c == '}') return;
  }
}

Argument describe_option(const CLI::Option& option) {
  Argument argument{.description = option.get_description()};
  for (const std::string& name : option.get_snames()) argument.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) argument.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) split_type(option.get_type_name(), argument);
  if (option.get_positional()) argument.value = option.get_name(true);
  if (option.get_group() == kCommonGroup) argument.shared = Argument::Shared::kYes;
  if (option.get_required()) argument.needed = Argument::Needed::kYes;
  const bool takes_all = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  if (option.get_expected_max() > 1 || takes_all) argument.times = Argument::Times::kMany;
  return argument;
}

Verb describe_verb(const CLI::App& app, const CommandLine& line, const std::vector<std::string>& path) {
  Verb verb{.path = path, .text = line.texts.at(&app), .options = {}, .positionals = {}, .verbs = {}};
  for (const CLI::Option* option : app.get_options()) {
    (option->get_positional() ? verb.positionals : verb.options).push_back(describe_option(*option));
  }
  for (const CLI::App* below : app.get_subcommands(nullptr)) {
    auto further = path;
    further.push_back(below->get_name());
    verb.verbs.push_back(describe_verb(*below, line, further));
  }
  return verb;
}

void flatten(const Verb& verb, std::vector<const Verb*>& out) {
  out.push_back(&verb);
  for (const Verb& below : verb.verbs) flatten(below, out);
}

}  // namespace

Verb verb_tree() {
  NoTerminal terminal;
  Tool tool(terminal);
  CommandLine line{.tool = tool, .action = {}, .texts = {}};
  return describe_verb(*command_tree(line), line, {});
}

std::vector<const Verb*> flattened(const Verb& root) {
  std::vector<const Verb*> all;
  flatten(root, all);
  return all;
}

std::string path_text(const Verb& verb) {
  return fmt::format("{}", fmt::join(verb.path, " "));
}

}  // namespace enforcer::ctl
