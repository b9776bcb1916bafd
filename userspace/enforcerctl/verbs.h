// The verbs: each has a file of its own, which adds it to the command line and does it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "enforcerctl/tool.h"

namespace CLI {
class App;
}

namespace enforcer::ctl {

/// What the command line asked for: runs once everything is parsed, and gives the exit status.
using Action = std::function<int(Tool&)>;

/// What --help of a verb begins with, and the manual page has of it.
struct VerbText {
  std::string name;
  std::string summary;                ///< one line
  std::vector<std::string> examples;  ///< command lines without "enforcerctl"
  std::string more;                   ///< a paragraph, or empty
  std::vector<Output> forms = {};     ///< of -o, besides table, json, jsonl and yaml
  /// kText: what it prints is a text that somebody else reads, and -o cannot mean anything.
  enum class Prints { kData, kText } prints = Prints::kData;
};

struct CommandLine {
  Tool& tool;
  Action action;
  std::map<const CLI::App*, VerbText> texts;  ///< of each verb, the tool itself included
};

void add_status(CLI::App& root, CommandLine& line);
void add_doctor(CLI::App& root, CommandLine& line);
void add_top(CLI::App& root, CommandLine& line);
void add_support_bundle(CLI::App& root, CommandLine& line);
void add_completion(CLI::App& root, CommandLine& line);
void add_version(CLI::App& root, CommandLine& line);
void add_help(CLI::App& root, CommandLine& line);
void add_policy(CLI::App& root, CommandLine& line);
void add_policy_check(CLI::App& policy, CommandLine& line);
void add_policy_test(CLI::App& policy, CommandLine& line);
void add_policy_apply(CLI::App& policy, CommandLine& line);
void add_policy_init(CLI::App& policy, CommandLine& line);
void add_policy_list(CLI::App& policy, CommandLine& line);
void add_policy_diff(CLI::App& policy, CommandLine& line);
void add_policy_fmt(CLI::App& policy, CommandLine& line);
void add_policy_get(CLI::App& policy, CommandLine& line);
void add_policy_history(CLI::App& policy, CommandLine& line);
void add_policy_rollback(CLI::App& policy, CommandLine& line);
void add_policy_suggest(CLI::App& policy, CommandLine& line);
void add_policy_replay(CLI::App& policy, CommandLine& line);
void add_preset(CLI::App& root, CommandLine& line);
void add_preset_list(CLI::App& preset, CommandLine& line);
void add_preset_show(CLI::App& preset, CommandLine& line);
void add_reload(CLI::App& root, CommandLine& line);
void add_explain(CLI::App& root, CommandLine& line);
void add_log(CLI::App& root, CommandLine& line);
void add_guest(CLI::App& root, CommandLine& line);
void add_guest_create(CLI::App& guest, CommandLine& line);
void add_guest_list(CLI::App& guest, CommandLine& line);
void add_guest_get(CLI::App& guest, CommandLine& line);
void add_guest_delete(CLI::App& guest, CommandLine& line);
void add_guest_attach(CLI::App& guest, CommandLine& line);
void add_guest_detach(CLI::App& guest, CommandLine& line);
void add_guest_pause(CLI::App& guest, CommandLine& line);
void add_guest_resume(CLI::App& guest, CommandLine& line);
void add_guest_label(CLI::App& guest, CommandLine& line);
void add_guest_exec(CLI::App& guest, CommandLine& line);
void add_guest_environment(CLI::App& guest, CommandLine& line);
void add_credential(CLI::App& root, CommandLine& line);
void add_credential_set(CLI::App& credential, CommandLine& line);
void add_credential_list(CLI::App& credential, CommandLine& line);
void add_credential_get(CLI::App& credential, CommandLine& line);
void add_credential_rotate(CLI::App& credential, CommandLine& line);
void add_credential_test(CLI::App& credential, CommandLine& line);
void add_credential_delete(CLI::App& credential, CommandLine& line);
void add_review(CLI::App& root, CommandLine& line);
void add_review_list(CLI::App& review, CommandLine& line);
void add_review_show(CLI::App& review, CommandLine& line);
void add_review_approve(CLI::App& review, CommandLine& line);
void add_review_reject(CLI::App& review, CommandLine& line);
void add_review_watch(CLI::App& review, CommandLine& line);
void add_run(CLI::App& root, CommandLine& line);
void add_ca(CLI::App& root, CommandLine& line);
void add_image(CLI::App& root, CommandLine& line);
void add_image_build(CLI::App& image, CommandLine& line);
void add_image_list(CLI::App& image, CommandLine& line);
void add_image_show(CLI::App& image, CommandLine& line);
void add_audit(CLI::App& root, CommandLine& line);
void add_audit_verify(CLI::App& audit, CommandLine& line);
void add_audit_export(CLI::App& audit, CommandLine& line);

/// The version of this tool.
[[nodiscard]] std::string_view tool_version();

/// The tree of all verbs, which writes what it parses to `line`. `line` outlives it.
[[nodiscard]] std::shared_ptr<CLI::App> command_tree(CommandLine& line);

/// Parses the arguments (without the program's name) and runs the verb; the process's exit status.
int run_tool(const std::vector<std::string>& arguments, Terminal& terminal);

}  // namespace enforcer::ctl
