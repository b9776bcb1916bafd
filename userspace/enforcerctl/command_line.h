// How a verb describes itself to CLI11. Included by the verbs' own files only.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "enforcerctl/list_watch.h"
#include "enforcerctl/verbs.h"

namespace enforcer::ctl {

/// The group of the options that every verb has.
inline constexpr auto kCommonGroup = "Common options";

/// The verb, with the options that all verbs share.
CLI::App& add_verb(CLI::App& parent, CommandLine& line, const VerbText& text);

/// A verb that only holds others: "policy", "guest".
CLI::App& add_group(CLI::App& parent, CommandLine& line, const VerbText& text);

/// An option that may be given several times, with one value each time.
CLI::Option& add_repeatable(CLI::App& verb, const std::string& names, std::vector<std::string>& values,
                            const std::string& description, const std::string& type_name);

/// What runs when this verb was asked for. `options` was bound to the verb's options.
template <class Options, class Do>
void when_chosen(CLI::App& verb, CommandLine& line, std::shared_ptr<Options> options, Do action) {
  verb.callback([&line, options, action] {
    line.action = [options, action](Tool& tool) { return static_cast<int>(action(tool, *options)); };
  });
}

/// Adds -w to a verb that lists: with it the list is shown again and again.
void when_listed(CLI::App& verb, CommandLine& line, ShowList show);

/// As when_chosen(), for verbs that list.
template <class Options, class Do>
void when_listed(CLI::App& verb, CommandLine& line, std::shared_ptr<Options> options, Do list) {
  when_listed(verb, line, [options, list](Tool& tool) { return list(tool, *options); });
}

}  // namespace enforcer::ctl
