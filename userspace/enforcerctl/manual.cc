#include "enforcerctl/manual.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/roff.h"
#include "enforcerctl/exit_code.h"

namespace enforcer::ctl {
namespace {

using config::ProgramText;
using config::roff_text;

/// A tagged paragraph.
std::string entry(std::string_view tag, std::string_view text) {
  return fmt::format(".TP\n{}\n{}\n", tag, roff_text(text));
}

std::string bold(std::string_view text) {
  return fmt::format("\\fB{}\\fR", roff_text(text));
}

std::string placeholder(std::string_view text) {
  return fmt::format("\\fI{}\\fR", roff_text(text));
}

std::string option_entry(const Argument& option) {
  std::string tag;
  for (const std::string& name : option.names) tag += (tag.empty() ? "" : ", ") + bold(name);
  if (!option.value.empty()) tag += " " + placeholder(option.value);
  std::string text = option.description;
  if (!option.choices.empty()) text += fmt::format(" ({})", fmt::join(option.choices, ", "));
  return entry(tag, text + ".");
}

std::string positional_text(const Argument& positional) {
  const std::string name = placeholder(positional.value) + (positional.times == Argument::Times::kMany ? " ..." : "");
  return positional.needed == Argument::Needed::kYes ? name : "[" + name + "]";
}

/// "More" has lines of its own for a terminal; on the page they flow.
std::string flowing(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string examples_text(const VerbText& text) {
  std::string out = ".PP\n.RS 4\n.nf\n";
  for (const std::string& example : text.examples) out += "enforcerctl " + roff_text(example) + "\n";
  return out + ".fi\n.RE\n";
}

std::string verb_section(const Verb& verb) {
  std::string synopsis = bold("enforcerctl " + path_text(verb)) + (verb.verbs.empty() ? " [options]" : "");
  for (const Argument& positional : verb.positionals) synopsis += " " + positional_text(positional);
  std::string out = fmt::format(".SS {}\n{}.\n", synopsis, roff_text(verb.text.summary));
  out += examples_text(verb.text);
  if (!verb.text.more.empty()) out += ".PP\n" + roff_text(flowing(verb.text.more)) + "\n";
  for (const Argument& positional : verb.positionals)
    out += entry(placeholder(positional.value), positional.description + ".");
  for (const Argument& option : verb.options) {
    const auto is = [&](std::string_view name) { return std::ranges::find(option.names, name) != option.names.end(); };
    // Of what all verbs have, only the forms that this one has and others have not.
    const bool own_forms = is("--output") && verb.verbs.empty() && !verb.text.forms.empty();
    if (own_forms || (option.shared == Argument::Shared::kNo && !is("--help"))) out += option_entry(option);
  }
  return out;
}

std::string see_also(const std::vector<std::string_view>& pages) {
  std::string out = ".SH SEE ALSO\n";
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const auto open = pages[i].find('(');
    out += fmt::format(".BR {} {}{}\n", roff_text(pages[i].substr(0, open)), pages[i].substr(open),
                       i + 1 < pages.size() ? "," : "");
  }
  return out;
}

}  // namespace

std::string tool_page(const Verb& root) {
  std::string out = config::roff_head(
      {.name = "enforcerctl", .section = 1, .version = tool_version(), .summary = "administers Enforcer"});
  out += ".SH SYNOPSIS\n.B enforcerctl\n[options]\n.I VERB\n[options] ...\n";
  out += fmt::format(".SH DESCRIPTION\n{}. Data goes to standard output, talk to standard error.\n",
                     roff_text(root.text.summary));
  out += examples_text(root.text);
  out += ".SH OPTIONS\nThese are taken by every verb, before or behind it.\n";
  for (const Argument& option : root.options) out += option_entry(option);
  out += ".SH VERBS\n";
  for (const Verb* verb : flattened(root)) {
    if (!verb->path.empty()) out += verb_section(*verb);
  }
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : exit_meanings()) {
    out += entry(bold(std::to_string(static_cast<int>(code))), fmt::format("{}.", meaning));
  }
  out += ".PP\n" + roff_text(command_exit_text()) + "\n";
  out += ".SH ENVIRONMENT\n";
  out += entry(bold("NO_COLOR"), "Anything in it: no colour.");
  out += entry(bold("TERM"), "dumb: no colour. Given to a command in a guest that has a terminal.");
  out += ".SH FILES\n";
  out += entry("\\fI/etc/enforcer/enforcer.yaml\\fR",
               "Where the instance comes from, unless --instance or --socket say it.");
  out += entry("\\fI/run/enforcer/default/enforcerd.sock\\fR",
               "The control socket. Who may do what is decided by the groups enforcer-viewer, enforcer-reviewer and "
               "enforcer-admin.");
  return out + see_also({"enforcer-policy(5)", "enforcer-credential(5)", "enforcerd(8)", "enforcer-hostd(8)"});
}

std::string daemon_page(const ProgramText& program) {
  std::string out =
      config::roff_head({.name = program.name, .section = 8, .version = tool_version(), .summary = program.summary});
  out += ".SH SYNOPSIS\n";
  for (const std::string_view synopsis : program.synopses) {
    if (synopsis != program.synopses.front()) out += ".br\n";
    out += fmt::format(".B {}\n{}\n", roff_text(program.name), roff_text(synopsis));
  }
  out += ".SH DESCRIPTION\n";
  for (const std::string_view paragraph : program.description) {
    if (paragraph != program.description.front()) out += ".PP\n";
    out += roff_text(paragraph) + "\n";
  }
  out += ".SH OPTIONS\n";
  for (const auto& [name, value, description] : program.options) {
    out += entry(bold(name) + (value.empty() ? "" : " " + placeholder(value)), fmt::format("{}.", description));
  }
  out += entry(bold("--help"), "print this help and exit.");
  out += ".SH SIGNALS\n";
  for (const auto& [name, what] : program.signals) out += entry(bold(name), fmt::format("{}.", what));
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : program.exits)
    out += entry(bold(std::to_string(code)), fmt::format("{}.", meaning));
  out += ".SH FILES\n";
  for (const auto& [path, what] : program.files) out += entry(placeholder(path), fmt::format("{}.", what));
  return out + see_also(program.see_also);
}

}  // namespace enforcer::ctl
