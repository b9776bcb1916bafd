// guest label: changes the labels of a guest, by which policies select it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/guests.h"

namespace enforcer::ctl {
namespace {

struct GuestLabelOptions {
  std::string name;
  std::vector<std::string> changes;
};

/// ["role=agent", "team-"]; kInvalid names the one that is wrong.
Result<control::LabelChange> change_from(const std::vector<std::string>& words) {
  control::LabelChange change;
  std::vector<std::string> given;
  for (const std::string& word : words) {
    if (word.ends_with('-') && !word.contains('=') && !word.contains(',') && word.size() > 1) {
      change.remove.push_back(word.substr(0, word.size() - 1));
    } else {
      given.push_back(word);
    }
  }
  change.set = TRY(labels_from(given));
  std::ranges::sort(change.remove);
  const bool repeated = std::ranges::adjacent_find(change.remove) != change.remove.end();
  const auto both = std::ranges::find_if(change.remove, [&](const auto& key) { return change.set.contains(key); });
  if (both != change.remove.end() || repeated) return fail(Errc::kInvalid, "a label is given twice");
  return change;
}

ExitCode label_guest(Tool& tool, const GuestLabelOptions& options) {
  const auto name = GuestName::parse(options.name);
  if (!name) return tool.usage(name.error().message);
  const auto change = change_from(options.changes);
  if (!change) return tool.usage(change.error().message);
  const auto body = tool.ask("POST", guest_target(*name, "/labels"), control::encode_label_change(*change));
  if (!body) return tool.report(body.error());
  const auto answer = control::decode_guest(*body);
  if (!answer) return tool.report(answer.error());
  if (tool.json()) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const control::GuestInfo& guest = answer->guest;
  const std::string labels = guest.labels.empty() ? "no labels" : labels_text(guest.labels);
  const std::string policies = guest.policies.empty() ? "no policy selects it: everything is denied"
                                                      : fmt::format("{}", fmt::join(guest.policies, ","));
  tool.terminal().out(printable_lines(fmt::format("{}: {}; {}", guest.name.text(), labels, policies)) + "\n");
  return ExitCode::kOk;
}

}  // namespace

void add_guest_label(CLI::App& guest, CommandLine& line) {
  auto options = std::make_shared<GuestLabelOptions>();
  CLI::App& verb = add_verb(
      guest, line,
      {.name = "label",
       .summary = "Changes the labels of a guest, by which policies select it",
       .examples = {"guest label agent-1 role=agent team=platform", "guest label agent-1 team-"},
       .more =
           "KEY=VALUE gives or changes a label, KEY- takes it away. The policies that select the guest then are in\n"
           "force when this is answered, and what is open has been decided again: what they do not allow is closed,\n"
           "as after a reload."});
  verb.add_option("GUEST", options->name, "The guest")->required();
  verb.add_option("LABEL", options->changes, "KEY=VALUE, or KEY-")->required()->expected(1, -1);
  when_chosen(verb, line, options, label_guest);
}

}  // namespace enforcer::ctl
