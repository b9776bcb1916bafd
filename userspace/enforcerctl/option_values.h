// What options may be given, said in the tool's own words. Included by the verbs' own files only.
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace enforcer::ctl {

/// "'foo' is none of mini, agent, docker; did you mean …?"
[[nodiscard]] std::string none_of(std::string_view value, std::span<const std::string_view> words);

/// A value that is one of these words. Help and completion say which.
[[nodiscard]] CLI::Validator one_of(std::vector<std::string_view> words);
/// A list of them with commas.
[[nodiscard]] CLI::Validator some_of(std::vector<std::string_view> words);
/// What `instance` of enforcer.yaml may be.
[[nodiscard]] CLI::Validator instance_name();
/// Anything but nothing; `what` is the path to.
[[nodiscard]] CLI::Validator not_empty(std::string what);
[[nodiscard]] CLI::Validator guest_name();
/// "key=value"
[[nodiscard]] CLI::Validator label_setting();
/// "5m" ago, or a time.
[[nodiscard]] CLI::Validator moment();
/// "POLICY/RULE"
[[nodiscard]] CLI::Validator rule_name();

/// An option that stands for one of several values. Their numbers are no words.
template <class Value>
CLI::Option& add_choice(CLI::App& verb, const std::string& names, Value& value,
                        const std::vector<std::pair<std::string_view, Value>>& choices, const std::string& description,
                        const std::string& type_name) {
  std::vector<std::string_view> words;
  for (const auto& [word, meaning] : choices) words.push_back(word);
  const auto take = [&value, choices](const std::string& text) {
    for (const auto& [word, meaning] : choices) {
      if (word == text) value = meaning;
    }
  };
  return *verb.add_option_function<std::string>(names, take, description)->type_name(type_name)->check(one_of(words));
}

/// FILE as a place, and -f FILE as other tools have it: both go into `files`.
enum class Files { kNeeded, kOptional };
void add_policy_files(CLI::App& verb, std::vector<std::string>& files, Files files_are,
                      const std::string& description = "Files or folders; - is standard input");

}  // namespace enforcer::ctl
