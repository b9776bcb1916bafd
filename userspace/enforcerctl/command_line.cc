// The command line as a whole: which verbs there are, and what is said when it cannot be understood.
#include "enforcerctl/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace enforcer::ctl {
namespace {

const std::map<std::string, Output>& outputs() {
  static const std::map<std::string, Output> kOutputs{
      {"table", Output::kTable}, {"wide", Output::kWide}, {"json", Output::kJson},   {"jsonl", Output::kJsonLines},
      {"name", Output::kName},   {"yaml", Output::kYaml}, {"junit", Output::kJunit}, {"tap", Output::kTap}};
  return kOutputs;
}

/// What only some verbs have.
const std::vector<Output> kSomewhere{Output::kWide, Output::kName, Output::kJunit, Output::kTap};

bool has_form(const VerbText& text, Output form) {
  const bool somewhere = std::ranges::find(kSomewhere, form) != kSomewhere.end();
  return !somewhere || std::ranges::find(text.forms, form) != text.forms.end();
}

/// "json,jsonl,table,yaml"
std::string forms_text(const VerbText& text) {
  std::string out;
  for (const auto& [name, form] : outputs()) {
    if (has_form(text, form)) out += (out.empty() ? "" : ",") + name;
  }
  return out;
}

void add_common_options(CLI::App& app, CommandLine& line, const VerbText& text) {
  CommonOptions& common = line.tool.common;
  app.add_option("-o,--output", common.output, "What to print, as far as the verb has it")
      ->transform(CLI::CheckedTransformer(outputs()).description("{" + forms_text(text) + "}"))
      ->type_name("FORMAT")
      ->group(kCommonGroup);
  app.add_flag_callback(
         "--no-headers", [&common] { common.headers = Headers::kHide; }, "Tables without their first line")
      ->group(kCommonGroup);
  app.add_option("--instance", common.instance, "The instance to talk to")->type_name("NAME")->group(kCommonGroup);
  app.add_option("--socket", common.socket, "The control socket to talk to")->type_name("PATH")->group(kCommonGroup);
  app.add_option("--config", common.config, "Take the instance from this enforcer.yaml")
      ->type_name("FILE")
      ->group(kCommonGroup);
}

/// Examples first: most people read no further.
std::string description_of(const VerbText& text) {
  std::string out = text.summary + ".\n\nExamples:\n";
  for (const std::string& example : text.examples) out += fmt::format("  enforcerctl {}\n", example);
  if (!text.more.empty()) out += "\n" + text.more + "\n";
  return out;
}

/// The list of verbs in a help text shows only the first line of what a verb is.
class Formatter : public CLI::Formatter {
 public:
  std::string make_subcommand(const CLI::App* verb) const override {
    const std::string description = verb->get_description();
    const std::string summary = description.substr(0, description.find(".\n"));
    return fmt::format("  {:<22}{}\n", verb->get_name(), summary);
  }
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({row[j + 1] + 1, row[j] + 1, replaced}));
    }
  }
  return row.back();
}

/// The verb somebody probably meant, or empty.
std::string nearest_verb(const CLI::App& app, std::string_view word) {
  std::string best;
  std::size_t best_distance = 3;  // more than two edits away is another word
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    const std::size_t distance = edit_distance(word, verb->get_name());
    if (distance < best_distance) {
      best_distance = distance;
      best = verb->get_name();
    }
  }
  return best;
}

bool takes_value(std::string_view option) {
  return option == "-o" || option == "--output" || option == "--instance" || option == "--socket" ||
         option == "--config";
}

/// The first word that is not a verb where a verb is needed, explained; empty when that is not what is wrong.
std::string explain_unknown_verb(const CLI::App& root, const std::vector<std::string>& arguments) {
  const CLI::App* app = &root;
  std::string path = "enforcerctl";
  for (std::size_t i = 0; i < arguments.size() && !app->get_subcommands(nullptr).empty(); ++i) {
    const std::string& word = arguments[i];
    if (word.starts_with('-')) {
      if (takes_value(word)) ++i;
      continue;
    }
    const auto verbs = app->get_subcommands(nullptr);
    const auto found = std::ranges::find(verbs, word, [](const CLI::App* verb) { return verb->get_name(); });
    if (found == verbs.end()) {
      const std::string guess = nearest_verb(*app, word);
      return fmt::format("unknown verb '{}'{}", word,
                         guess.empty() ? "" : fmt::format("; did you mean '{} {}'?", path, guess));
    }
    app = *found;
    path += " " + word;
  }
  return app->get_subcommands(nullptr).empty() ? "" : fmt::format("'{}' needs a verb", path);
}

/// The verb, as far as it was understood.
const CLI::App& chosen(const CLI::App& root) {
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return *app;
}

/// The longest name of one of the verb's options that `word` nearly is; or empty.
std::string nearest_option(const CLI::App& verb, std::string_view word) {
  std::string best;
  std::size_t best_distance = 3;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      const std::size_t distance = edit_distance(word, name);
      if (distance < best_distance) {
        best_distance = distance;
        best = name;
      }
    }
  }
  return best;
}

/// An option that the verb does not have, explained; empty when that is not what is wrong.
std::string explain_unknown_option(const CLI::App& root, const std::vector<std::string>& arguments) {
  const CLI::App& verb = chosen(root);
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--")) continue;
    const std::string name = argument.substr(2, argument.find('=') - 2);
    if (verb.get_option_no_throw("--" + name) != nullptr) continue;
    const std::string guess = nearest_option(verb, name);
    return fmt::format("unknown option '--{}'{}", name,
                       guess.empty() ? "" : fmt::format("; did you mean '--{}'?", guess));
  }
  return "";
}

/// The verb as far as it was understood, for "--help".
std::string understood(const CLI::App& root) {
  std::string path = "enforcerctl";
  for (const CLI::App* app = &root; !app->get_subcommands().empty();) {
    app = app->get_subcommands().front();
    path += " " + app->get_name();
  }
  return path;
}

void add_verbs(CLI::App& root, CommandLine& line) {
  add_status(root, line);
  add_doctor(root, line);
  add_top(root, line);
  add_run(root, line);
  add_log(root, line);
  add_explain(root, line);
  add_policy(root, line);
  add_preset(root, line);
  add_guest(root, line);
  add_review(root, line);
  add_credential(root, line);
  add_ca(root, line);
  add_image(root, line);
  add_audit(root, line);
  add_reload(root, line);
  add_version(root, line);
  add_support_bundle(root, line);
  add_completion(root, line);
}

}  // namespace

CLI::App& add_verb(CLI::App& parent, CommandLine& line, const VerbText& text) {
  CLI::App& verb = *parent.add_subcommand(text.name, description_of(text));
  line.texts.emplace(&verb, text);
  add_common_options(verb, line, text);
  return verb;
}

CLI::App& add_group(CLI::App& parent, CommandLine& line, const VerbText& text) {
  VerbText with_forms = text;
  with_forms.forms = kSomewhere;  // of one of those below
  CLI::App& group = add_verb(parent, line, with_forms);
  group.require_subcommand(1);
  return group;
}

CLI::Option& add_repeatable(CLI::App& verb, const std::string& names, std::vector<std::string>& values,
                            const std::string& description, const std::string& type_name) {
  // One value each time, or "-l a=b run.sh" would take the positional as a second label.
  return *verb.add_option(names, values, description + "; repeatable")
              ->type_name(type_name)
              ->expected(1)
              ->allow_extra_args(false)
              ->take_all();
}

void when_listed(CLI::App& verb, CommandLine& line, ShowList show) {
  auto again = std::make_shared<bool>(false);
  verb.add_flag("-w,--watch", *again,
                "Go on: redrawn on a terminal, elsewhere rows are printed when they are new or have changed");
  verb.callback([&line, again, show = std::move(show)] {
    line.action = [again, show](Tool& tool) { return static_cast<int>(*again ? watch_list(tool, show) : show(tool)); };
  });
}

std::shared_ptr<CLI::App> command_tree(CommandLine& line) {
  const VerbText text{.name = "enforcerctl",
                      .summary = "Administers Enforcer, which lets out of a guest only what a policy allows",
                      .examples = {"status", "run -- curl https://api.github.com", "log -f --decision deny",
                                   "explain https://api.github.com/ --guest agent-1", "policy check policies/*.yaml"},
                      .more = exit_codes_text(),
                      .forms = kSomewhere};
  auto root = std::make_shared<CLI::App>(description_of(text), text.name);
  line.texts.emplace(root.get(), text);
  root->formatter(std::make_shared<Formatter>());
  root->require_subcommand(1);
  add_common_options(*root, line, text);
  add_verbs(*root, line);
  return root;
}

int run_tool(const std::vector<std::string>& arguments, Terminal& terminal) {
  Tool tool(terminal);
  CommandLine line{.tool = tool, .action = {}, .texts = {}};
  const auto tree = command_tree(line);
  CLI::App& root = *tree;
  try {
    root.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    terminal.out(root.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    std::string unknown = explain_unknown_verb(root, arguments);
    const bool too_much = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    if (unknown.empty() && too_much) unknown = explain_unknown_option(root, arguments);
    terminal.err(fmt::format("enforcerctl: {}\n", printable_lines(unknown.empty() ? error.what() : unknown)));
    terminal.err(fmt::format("Try '{} --help'.\n", understood(root)));
    return static_cast<int>(ExitCode::kUsage);
  }
  const CLI::App& verb = chosen(root);
  if (const VerbText& text = line.texts.at(&verb); !has_form(text, tool.common.output)) {
    return static_cast<int>(
        tool.usage(fmt::format("'{}' has no such form: -o is one of {}", understood(root), forms_text(text))));
  }
  return line.action(tool);
}

}  // namespace enforcer::ctl
