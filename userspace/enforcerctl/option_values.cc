#include "enforcerctl/option_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/ids.h"
#include "base/text.h"
#include "config/config.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/when.h"
#include "policy/did_you_mean.h"
#include "policy/schema.h"

namespace enforcer::ctl {
namespace {

constexpr std::size_t kMostShown = 64;
constexpr std::size_t kMostListed = 20;

CLI::Validator word_list(std::vector<std::string_view> words, bool (*splits)(char)) {
  const std::string description = fmt::format("{{{}}}", fmt::join(words, ","));
  const auto check = [words = std::move(words), splits](const std::string& value) {
    std::string_view rest = value;
    while (true) {
      const std::size_t end = static_cast<std::size_t>(std::ranges::find_if(rest, splits) - rest.begin());
      const std::string_view word = rest.substr(0, end);
      if (std::ranges::find(words, word) == words.end()) return none_of(word, words);
      if (end == rest.size()) return std::string();
      rest.remove_prefix(end + 1);
    }
  };
  return CLI::Validator(check, description);
}

/// "'x' WRONG" where it is not.
CLI::Validator valid_if(bool (*is_valid)(std::string_view), std::string wrong) {
  const auto check = [is_valid, wrong = std::move(wrong)](const std::string& value) {
    return is_valid(value) ? "" : fmt::format("'{}' {}", escape_untrusted(value, kMostShown), wrong);
  };
  return CLI::Validator(check, "");
}

}  // namespace

std::string none_of(std::string_view value, std::span<const std::string_view> words) {
  const std::string hint = policy::did_you_mean(value, words);
  const std::string all = words.size() <= kMostListed ? fmt::format("{}", fmt::join(words, ", ")) : "them";
  return fmt::format("'{}' is none of {}{}", escape_untrusted(value, kMostShown), all, hint.empty() ? "" : "; " + hint);
}

CLI::Validator one_of(std::vector<std::string_view> words) {
  return word_list(std::move(words), [](char) { return false; });
}

CLI::Validator some_of(std::vector<std::string_view> words) {
  return word_list(std::move(words), [](char c) { return c == ','; });
}

CLI::Validator instance_name() {
  return valid_if(config::is_instance_name,
                  "cannot be the name of an instance; " + std::string(config::kInstanceNameRule));
}

CLI::Validator not_empty(std::string what) {
  return valid_if([](std::string_view value) { return !value.empty(); }, "is no " + what);
}

CLI::Validator guest_name() {
  return CLI::Validator(
      [](const std::string& value) {
        const auto name = GuestName::parse(value);
        return name ? "" : name.error().message;
      },
      "");
}

CLI::Validator label_setting() {
  return CLI::Validator(
      [](const std::string& value) {
        const auto labels = labels_from({value});
        return labels ? "" : labels.error().message;
      },
      "");
}

CLI::Validator moment() {
  return valid_if([](std::string_view value) { return parse_when("", std::string(value)).has_value(); },
                  "is neither a duration (5m) nor a time (2025-01-31T12:00:00.000Z)");
}

CLI::Validator rule_name() {
  const auto is_rule = [](std::string_view value) {
    const auto slash = value.find('/');
    return slash != std::string_view::npos && policy::is_name(value.substr(0, slash)) &&
           policy::is_name(value.substr(slash + 1));
  };
  return valid_if(is_rule, "is no rule: give POLICY/RULE, as records have it");
}

void add_policy_files(CLI::App& verb, std::vector<std::string>& files, Files files_are,
                      const std::string& description) {
  const auto take = [&files](const std::vector<std::string>& given) {
    files.insert(files.end(), given.begin(), given.end());
  };
  CLI::Option* const place = verb.add_option_function<std::vector<std::string>>("FILE", take, description);
  CLI::Option* const named =
      verb.add_option_function<std::vector<std::string>>("-f,--filename", take, "The same as FILE; repeatable")
          ->type_name("FILE")
          ->expected(1)
          ->allow_extra_args(false)
          ->take_all();
  if (files_are == Files::kOptional) return;
  verb.parse_complete_callback([place, named] {
    if (place->empty() && named->empty()) throw CLI::RequiredError("FILE");
  });
}

}  // namespace enforcer::ctl
