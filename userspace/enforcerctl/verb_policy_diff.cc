// policy diff: what a change of policies is, as text and as decisions of the past that would be others.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "control/json_object.h"
#include "control/policy_history.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/configured.h"
#include "enforcerctl/decision_changes.h"
#include "enforcerctl/option_values.h"
#include "enforcerctl/past_records.h"
#include "enforcerctl/policy_difference.h"
#include "enforcerctl/policy_files.h"

namespace enforcer::ctl {
namespace {

struct DiffOptions {
  std::vector<std::string> files;
  std::vector<std::string> against;
  PastOptions past{.guest = {}, .labels = {}, .since = "", .audit = {}};
};

constexpr auto kDefaultSince = "1d";

/// The two sets, and what they are called.
struct Sides {
  Objects before, after;
  std::string before_name;
};

/// kNotLoaded: one of them cannot be read, or taken apart.
Result<Objects> objects_in(std::span<const policy::SourceText> sources) {
  auto objects = policy::split_objects(sources);
  if (objects) return objects;
  // All that is wrong, not only where it ended.
  const auto outcome = policy::load(sources, 1, policy::Completeness::kPart);
  if (outcome.snapshot != nullptr) return fail(Errc::kNotLoaded, objects.error().message);
  return not_loaded("what cannot be read cannot be compared", outcome.diagnostics);
}

Result<Objects> objects_of_files(const std::vector<std::string>& files) {
  return objects_in(read_policy_files(files));
}

/// What is in force, and what it is called.
Result<Sides> sides_in_force(const Tool& tool) {
  const std::string body = TRY(tool.ask("GET", "/v1/policy-texts"));
  control::PolicyTexts texts = TRY(control::decode_texts(body));
  Sides sides{.before = {}, .after = {}, .before_name = fmt::format("generation {}", texts.generation)};
  for (control::PolicyText& object : texts.objects) {
    sides.before.push_back(
        {.kind = std::move(object.kind),
         .name = std::move(object.name),
         .file = std::move(object.file),
         .line = object.line,
         .text = std::move(object.text),
         .origin = object.applied ? policy::SourceOrigin::kApplied : policy::SourceOrigin::kConfigured});
  }
  return sides;
}

/// What a reload would put in force: the configured files as they are now, beside what was applied.
Result<Objects> after_reload(const Tool& tool, const Objects& before) {
  const config::Config loaded = TRY(loaded_config(tool.common.config, "with FILE it is not needed"));
  const auto paths = config::source_paths(loaded.policies, loaded.credentials);
  Objects after = TRY(objects_in(policy::read_sources(paths, policy::SourceUse::kInspect)));
  for (const policy::ObjectText& object : before) {
    if (object.origin == policy::SourceOrigin::kApplied) after.push_back(object);
  }
  return after;
}

/// Whether what is in force is compared, which the daemon says; with --against it is files alone.
bool in_force(const DiffOptions& options) {
  return options.against.empty();
}

Result<Sides> sides_of(const Tool& tool, const DiffOptions& options) {
  if (in_force(options)) {
    Sides sides = TRY(sides_in_force(tool));
    if (options.files.empty()) {
      sides.after = TRY(after_reload(tool, sides.before));
    } else {
      const Objects given = TRY(objects_of_files(options.files));
      sides.after = with_replaced(sides.before, given);
    }
    return sides;
  }
  Sides sides{.before = TRY(objects_of_files(options.against)), .after = {}, .before_name = "against"};
  sides.after = TRY(objects_of_files(options.files));
  return sides;
}

/// Where no daemon is asked about policies, none is asked about the past either, unless somebody wants that.
bool asks_the_past(const DiffOptions& options) {
  return in_force(options) || !options.past.since.empty() || !options.past.audit.empty();
}

nlohmann::json difference_json(const std::vector<ObjectDifference>& texts) {
  nlohmann::json list = nlohmann::json::array();
  for (const ObjectDifference& text : texts) {
    list.push_back({{"kind", text.kind}, {"name", text.name}, {"change", text.change}, {"diff", text.text}});
  }
  return list;
}

/// The two sets as they decide; none where one does not load.
struct LoadedSides {
  std::shared_ptr<const policy::Snapshot> before, after;

  [[nodiscard]] bool valid() const { return before != nullptr && after != nullptr; }
};

void print_difference(const Tool& tool, const std::vector<ObjectDifference>& texts, const LoadedSides& sides,
                      const std::optional<DecisionChanges>& decisions) {
  if (tool.json()) {
    nlohmann::json answer = control::answer_object();
    answer["valid"] = sides.valid();
    answer["objects"] = difference_json(texts);
    if (decisions) answer["decisions"] = changes_json(*decisions);
    tool.print_json(control::dump(answer));
    return;
  }
  for (const ObjectDifference& text : texts) tool.terminal().out(text.text);
  if (decisions && !decisions->rows.empty()) {
    tool.terminal().out((texts.empty() ? "" : "\n") + changes_table(*decisions).render(tool.common.headers));
  }
}

std::shared_ptr<const policy::Snapshot> loaded_side(const Tool& tool, const Objects& objects, std::string_view name) {
  auto outcome = policy::load(sources_of(objects), 1);
  if (outcome.snapshot == nullptr) {
    for (const auto& diagnostic : outcome.diagnostics) tool.say(diagnostic.to_string());
    tool.say(fmt::format("{} does not load, so it decides nothing", name));
  }
  return std::move(outcome.snapshot);
}

/// What of the past would be decided otherwise, and whether all of it could be read.
struct PastChanges {
  DecisionChanges decisions;
  LogState log;
};

Result<PastChanges> changes_of(const Tool& tool, PastOptions options, const LoadedSides& sides) {
  if (options.since.empty()) options.since = kDefaultSince;
  const Past past = TRY(read_past(tool, options));
  return PastChanges{.decisions = changes_between(past.history, *sides.before, *sides.after, WallClock::now()),
                     .log = past.log};
}

ExitCode diff(Tool& tool, const DiffOptions& options) {
  if (!in_force(options) && options.files.empty())
    return tool.usage("--against FILE compares files: name the other ones too");
  const auto sides = sides_of(tool, options);
  if (!sides) return tool.report(sides.error());
  const auto texts = differences(sides->before, sides->before_name, sides->after, "new");
  const LoadedSides loaded{.before = loaded_side(tool, sides->before, sides->before_name),
                           .after = loaded_side(tool, sides->after, "the new set of policies")};
  std::optional<Result<PastChanges>> asked;
  if (loaded.valid() && asks_the_past(options)) asked = changes_of(tool, options.past, loaded);
  std::optional<DecisionChanges> decisions;
  if (asked && *asked) decisions = (*asked)->decisions;
  // The texts are told whatever becomes of the decisions.
  print_difference(tool, texts, loaded, decisions);
  tool.say(fmt::format("{} {}", count_of(texts.size(), "object"), texts.size() == 1 ? "differs" : "differ"));
  if (asked && !*asked) return tool.report(asked->error());
  if (decisions) tool.say(changes_line(*decisions));
  const bool same = texts.empty() && loaded.valid() && (!decisions || decisions->rows.empty());
  const bool readable = !asked || (*asked)->log == LogState::kReadable;
  return same && readable ? ExitCode::kOk : ExitCode::kFindings;
}

}  // namespace

void add_policy_diff(CLI::App& policy, CommandLine& line) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App& verb = add_verb(
      policy, line,
      {.name = "diff",
       .summary = "Shows what a change of policies is: as text, and as decisions of the past that would be others",
       .examples = {"policy diff agent.yaml", "policy diff", "policy diff agent.yaml --since 7d -o json",
                    "policy diff new/ --against old/"},
       .more =
           "FILE is compared with the objects in force that it would replace if it were applied; without FILE, what a\n"
           "reload would put in force. With --against nothing but files is compared, and the past is asked with\n"
           "--since or --audit only. A set that does not load is compared as text, and decides nothing. Needs the "
           "role\n"
           "of an admin, for the text of a Credential is not for all. Exit code 3: something differs, or does not "
           "load."});
  add_policy_files(verb, options->files, Files::kOptional);
  add_repeatable(verb, "--against", options->against, "Compare with these files or folders, not with what is in force",
                 "FILE");
  add_past_options(verb, options->past, kDefaultSince);
  when_chosen(verb, line, options, diff);
}

}  // namespace enforcer::ctl
