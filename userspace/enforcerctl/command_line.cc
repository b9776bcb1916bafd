// The command line as a whole: which verbs there are, and what is said when it cannot be understood.
#include "enforcerctl/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "enforcerctl/option_values.h"
#include "policy/did_you_mean.h"

namespace enforcer::ctl {
namespace {

struct Form {
  std::string_view name;
  Output output;
};
constexpr Form kForms[] = {{"json", Output::kJson}, {"jsonl", Output::kJsonLines}, {"junit", Output::kJunit},
                           {"name", Output::kName}, {"table", Output::kTable},     {"tap", Output::kTap},
                           {"wide", Output::kWide}, {"yaml", Output::kYaml}};

/// What only some verbs have.
const std::vector<Output> kSomewhere{Output::kWide, Output::kName, Output::kJunit, Output::kTap};

bool has_form(const VerbText& text, Output form) {
  if (text.prints == VerbText::Prints::kText) return form == Output::kTable;
  const bool somewhere = std::ranges::find(kSomewhere, form) != kSomewhere.end();
  return !somewhere || std::ranges::find(text.forms, form) != text.forms.end();
}

std::vector<std::string_view> forms_of(const VerbText& text) {
  std::vector<std::string_view> forms;
  for (const Form& form : kForms) {
    if (has_form(text, form.output)) forms.push_back(form.name);
  }
  return forms;
}

/// "json", and "=json", which is what is left of "-o=json".
std::string_view form_name(std::string_view value) {
  return value.substr(value.starts_with('=') ? 1 : 0);
}

/// A form that other verbs have is no mistake of spelling: whoever runs the verb says so.
CLI::Validator known_form(const VerbText& text) {
  const auto check = [text](const std::string& value) {
    const std::string_view name = form_name(value);
    return std::ranges::find(kForms, name, &Form::name) != std::end(kForms) ? "" : none_of(name, forms_of(text));
  };
  return CLI::Validator(check, fmt::format("{{{}}}", fmt::join(forms_of(text), ",")));
}

void add_common_options(CLI::App& app, CommandLine& line, const VerbText& text) {
  CommonOptions& common = line.tool.common;
  const auto take_form = [&common](const std::string& value) {
    common.output = std::ranges::find(kForms, form_name(value), &Form::name)->output;
  };
  app.add_option_function<std::string>("-o,--output", take_form, "What to print, as far as the verb has it")
      ->check(known_form(text))
      ->type_name("FORMAT")
      ->group(kCommonGroup);
  app.add_flag_callback(
         "--no-headers", [&common] { common.headers = Headers::kHide; }, "Tables without their first line")
      ->group(kCommonGroup);
  app.add_option("--instance", common.instance, "The instance to talk to")
      ->type_name("NAME")
      ->check(instance_name())
      ->group(kCommonGroup);
  app.add_option("--socket", common.socket, "The control socket to talk to")
      ->type_name("PATH")
      ->check(not_empty("path of a socket"))
      ->group(kCommonGroup);
  app.add_option("--config", common.config, "Take the instance from this enforcer.yaml")
      ->type_name("FILE")
      ->check(not_empty("path of a file"))
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

  /// A set of many values is completed, not read.
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string all = CLI::Formatter::make_option_opts(option);
    constexpr std::size_t kMost = 100;
    const auto set = all.find(":{");
    return all.size() <= kMost || set == std::string::npos ? all : all.substr(0, set);
  }

  std::string make_option_usage(const CLI::Option* option) const override {
    const std::string name = make_option_name(option, true) + (option->get_expected_max() > 1 ? "..." : "");
    return option->get_required() ? name : "[" + name + "]";
  }
};

/// "; did you mean '--output'?", or nothing.
std::string meant(std::string_view word, const std::vector<std::string>& known, std::string_view before) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string hint = policy::did_you_mean(word, views);
  if (hint.empty()) return "";
  const auto quote = hint.find('\'') + 1;
  return fmt::format("; {}{}{}", hint.substr(0, quote), before, hint.substr(quote));
}

std::string unknown_option(const CLI::App& verb, std::string_view name) {
  std::vector<std::string> known;
  for (const CLI::Option* option : verb.get_options())
    std::ranges::copy(option->get_lnames(), std::back_inserter(known));
  return fmt::format("unknown option '--{}'{}", name, meant(name, known, "--"));
}

/// "output" of "--output=json".
std::string long_name(std::string_view argument) {
  return std::string(argument.substr(2, argument.find('=') - 2));
}

/// How far the words lead down the tree.
struct Understood {
  const CLI::App* app;
  std::string path = "enforcerctl";
  std::string wrong{};  ///< the first word that makes no sense where it stands, explained
};

/// Up to the first verb that holds no others: what is behind it is its own.
Understood understand(const CLI::App& root, const std::vector<std::string>& arguments) {
  Understood so_far{.app = &root};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto verbs = so_far.app->get_subcommands(nullptr);
    if (verbs.empty()) break;
    const std::string& word = arguments[i];
    if (word.starts_with('-')) {
      const bool is_long = word.starts_with("--");
      const CLI::Option* option = so_far.app->get_option_no_throw(is_long ? "--" + long_name(word) : word.substr(0, 2));
      if (option == nullptr && is_long) so_far.wrong = unknown_option(*so_far.app, long_name(word));
      if (option == nullptr) break;
      const bool has_its_value = is_long ? word.contains('=') : word.size() > 2;
      if (option->get_items_expected_max() > 0 && !has_its_value) ++i;
      continue;
    }
    const auto found = std::ranges::find(verbs, word, [](const CLI::App* verb) { return verb->get_name(); });
    if (found == verbs.end()) {
      std::vector<std::string> names;
      for (const CLI::App* verb : verbs) names.push_back(verb->get_name());
      so_far.wrong = fmt::format("unknown verb '{}'{}", word, meant(word, names, so_far.path + " "));
      break;
    }
    so_far.app = *found;
    so_far.path += " " + word;
  }
  return so_far;
}

/// An option that the verb does not have, explained; empty when that is not what is wrong.
std::string explain_unknown_option(const CLI::App& verb, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--")) continue;
    if (verb.get_option_no_throw("--" + long_name(argument)) == nullptr)
      return unknown_option(verb, long_name(argument));
  }
  return "";
}

std::string explain_mistake(const Understood& so_far, const std::vector<std::string>& arguments,
                            const CLI::ParseError& error) {
  if (!so_far.wrong.empty()) return so_far.wrong;
  if (!so_far.app->get_subcommands(nullptr).empty() && error.get_name() == "RequiredError")
    return fmt::format("'{}' needs a verb", so_far.path);
  const bool too_much = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  const std::string unknown = too_much ? explain_unknown_option(*so_far.app, arguments) : "";
  return unknown.empty() ? error.what() : unknown;
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
  add_help(root, line);
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
  root->set_version_flag("--version", std::string(tool_version()), "Print the version of this tool and exit");
  add_common_options(*root, line, text);
  add_verbs(*root, line);
  return root;
}

int run_tool(const std::vector<std::string>& arguments, Terminal& terminal) {
  Tool tool(terminal);
  CommandLine line{.tool = tool, .action = {}, .texts = {}};
  const auto tree = command_tree(line);
  CLI::App& root = *tree;
  const Understood so_far = understand(root, arguments);
  const auto refuse = [&](const std::string& why) {
    terminal.err(fmt::format("enforcerctl: {}\n", printable_lines(why)));
    terminal.err(fmt::format("Try '{} --help'.\n", so_far.path));
    return static_cast<int>(ExitCode::kUsage);
  };
  try {
    root.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    // Help for something else is no answer.
    if (!so_far.wrong.empty()) return refuse(so_far.wrong);
    terminal.out(root.help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    terminal.out(fmt::format("enforcerctl {}\n", tool_version()));
    return 0;
  } catch (const CLI::ParseError& error) {
    return refuse(explain_mistake(so_far, arguments, error));
  }
  const VerbText& text = line.texts.at(so_far.app);
  if (!has_form(text, tool.common.output)) {
    const bool none = text.prints == VerbText::Prints::kText;
    return static_cast<int>(tool.usage(
        none ? fmt::format("'{}' prints a text, which has one form: leave -o out", so_far.path)
             : fmt::format("'{}' has no such form: -o is one of {}", so_far.path, fmt::join(forms_of(text), ","))));
  }
  return line.action(tool);
}

}  // namespace enforcer::ctl
