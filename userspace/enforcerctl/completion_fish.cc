#include <fmt/format.h>

#include "enforcerctl/completion.h"

namespace enforcer::ctl {
namespace {

constexpr std::string_view kFishHead = R"(# fish completion for enforcerctl, as 'enforcerctl completion fish' writes it.
)";

// A word that is offered is "WORD<tab>DESCRIPTION".
constexpr std::string_view kFishTail = R"(function __enforcerctl_complete
  set -l words (commandline -opc)
  set -l word (commandline -ct)
  set -l path
  set -l place 0
  set -l expected
  set -l option
  set -l daemon
  for at in $words[2..-1]
    if test -n "$expected"
      contains -- $option --socket --instance --config; and set -a daemon $option $at
      set expected
    else if test "$at" = --
      return
    else if string match -q -- '--*=*' $at
      string match -qr -- '^--(socket|instance|config)=' $at; and set -a daemon $at
    else if string match -q -- '-*' $at
      set option $at
      set expected (__enforcerctl_offer "$path|$at")
    else if contains -- $at (__enforcerctl_verbs "$path" | string replace -r '\t.*' '')
      set -a path $at
    else
      set place (math $place + 1)
    end
  end
  set -l offer
  set -l before ''
  if test -n "$expected"
    set offer $expected
  else if string match -q -- '--*=*' $word
    set -l halves (string split -m 1 = -- $word)
    set before $halves[1]=
    set word $halves[2]
    set offer (__enforcerctl_offer "$path|$halves[1]")
  else if string match -q -- '-*' $word
    __enforcerctl_options "$path"
    return
  else
    set -l verbs (__enforcerctl_verbs "$path")
    if test -n "$verbs" -a $place = 0
      printf '%s\n' $verbs
      return
    end
    set offer (__enforcerctl_offer "$path|$place")
  end
  switch "$offer"
    case 'words *'
      string split ' ' -- (string sub -s 7 -- $offer) | string replace -r '^' -- $before
    case 'names *'
      timeout 3 $words[1] (string split ' ' -- (string sub -s 7 -- $offer)) -o name $daemon 2>/dev/null </dev/null |
        string replace -r '^' -- $before
    case files
      __fish_complete_path $word | string replace -r '^' -- $before
    case folders
      __fish_complete_directories $word | string replace -r '^' -- $before
  end
end
complete -c enforcerctl -f -a '(__enforcerctl_complete)'
)";

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

/// NAME PATH prints the words that `of` says of the verb, with what they are.
template <class Of>
std::string fish_words(std::string_view name, const Verb& root, Of of) {
  std::string out = fmt::format("function {}\n  switch $argv[1]\n", name);
  for (const Verb* verb : flattened(root)) {
    const std::vector<std::pair<std::string, std::string>> words = of(*verb);
    if (words.empty()) continue;
    out += fmt::format("    case '{}'\n      printf '%s\\t%s\\n'", path_text(*verb));
    for (const auto& [word, description] : words) {
      out += fmt::format(" \\\n        {} {}", fish_quoted(word), fish_quoted(description));
    }
    out += "\n";
  }
  return out + "  end\nend\n";
}

std::string fish_offer_function(const Verb& root) {
  std::string out = "function __enforcerctl_offer\n  switch $argv[1]\n";
  for (const OfferCase& known : offer_cases(root)) {
    out += "    case";
    for (const std::string& option : known.options) out += fmt::format(" '{}|{}'", known.path, option);
    // What begins with '-' is an option that takes no value.
    if (known.options.empty()) out += fmt::format(" '{}|{}'", known.path, known.place == "*" ? "?" : known.place);
    out += fmt::format("\n      echo {}\n", fish_quoted(known.offer));
  }
  return out + "  end\nend\n";
}

}  // namespace

std::string fish_completion(const Verb& root) {
  using Words = std::vector<std::pair<std::string, std::string>>;
  const auto verbs = [](const Verb& verb) {
    Words words;
    for (const Verb& below : verb.verbs) words.emplace_back(below.path.back(), below.text.summary);
    return words;
  };
  const auto options = [](const Verb& verb) {
    Words words;
    for (const Argument& option : verb.options) {
      for (const std::string& name : option.names) words.emplace_back(name, option.description);
    }
    return words;
  };
  return fmt::format("{}{}{}{}{}", kFishHead, fish_words("__enforcerctl_verbs", root, verbs),
                     fish_words("__enforcerctl_options", root, options), fish_offer_function(root), kFishTail);
}

}  // namespace enforcer::ctl
