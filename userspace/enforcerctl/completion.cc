#include "enforcerctl/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

namespace enforcer::ctl {

std::string offer_for(const Argument& argument) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kByValue{{
      {"GUEST", "names guest list"},
      {"REVIEW", "names review list"},
      {"CREDENTIAL", "names credential list"},
      {"POLICY", "names policy list"},
      {"IMAGE", "names image list"},
      {"PRESET", "names preset list"},
      {"FILE", "files"},
      {"PATH", "files"},
      {"DIR", "folders"},
  }};
  if (!argument.choices.empty()) return fmt::format("words {}", fmt::join(argument.choices, " "));
  // "DIR[:ro]" begins with a folder.
  const std::string_view value = std::string_view(argument.value).substr(0, argument.value.find('['));
  for (const auto& [name, offer] : kByValue) {
    if (value == name) return std::string(offer);
  }
  return "none";
}

std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += R"('\'')";
    } else {
      out += c;
    }
  }
  return out + "'";
}

namespace {

/// Of the options that all verbs have, those with other values than the tool itself: -o has those of the verb.
bool is_the_verbs_own(const Argument& option, const Verb& root) {
  if (option.shared == Argument::Shared::kNo) return true;
  const auto general = std::ranges::find(root.options, option.names, &Argument::names);
  return general == root.options.end() || general->choices != option.choices;
}

}  // namespace

std::vector<OfferCase> offer_cases(const Verb& root) {
  std::vector<OfferCase> cases;
  std::vector<OfferCase> wide;
  for (const Verb* verb : flattened(root)) {
    for (const Argument& option : verb->options) {
      if (option.value.empty() || !is_the_verbs_own(option, root)) continue;
      cases.push_back({.options = option.names, .path = path_text(*verb), .place = "", .offer = offer_for(option)});
    }
    for (std::size_t i = 0; i < verb->positionals.size(); ++i) {
      const Argument& positional = verb->positionals[i];
      if (positional.times == Argument::Times::kMany) {
        wide.push_back({.options = {}, .path = path_text(*verb), .place = "*", .offer = offer_for(positional)});
      } else {
        const std::string place = std::to_string(i);
        cases.push_back({.options = {}, .path = path_text(*verb), .place = place, .offer = offer_for(positional)});
      }
    }
  }
  for (const Argument& option : root.options) {
    if (option.value.empty()) continue;
    wide.push_back({.options = option.names, .path = "*", .place = "", .offer = offer_for(option)});
  }
  cases.insert(cases.end(), wide.begin(), wide.end());
  return cases;
}

std::string posix_offer_function(const Verb& root) {
  std::string out = "__enforcerctl_offer() {\n  case \"$1\" in\n";
  for (const OfferCase& known : offer_cases(root)) {
    const std::string before = known.path == "*" ? "*'|" : "'" + known.path + "|";
    std::string patterns;
    for (const std::string& option : known.options) {
      patterns += fmt::format("{}{}{}'", patterns.empty() ? "" : " | ", before, option);
    }
    if (known.options.empty()) patterns = before + (known.place == "*" ? "'[0-9]*" : known.place + "'");
    out += fmt::format("    {}) echo {} ;;\n", patterns, shell_quoted(known.offer));
  }
  return out + "  esac\n}\n";
}

}  // namespace enforcer::ctl
