#include <fmt/format.h>
#include <fmt/ranges.h>

#include "enforcerctl/completion.h"

namespace enforcer::ctl {
namespace {

constexpr std::string_view kBashHead = R"(# bash completion for enforcerctl, as 'enforcerctl completion bash' writes it.
)";

// Words are split at '=' too (COMP_WORDBREAKS): "--output=json" are three.
constexpr std::string_view kBashTail = R"sh(_enforcerctl() {
  local word=${COMP_WORDS[COMP_CWORD]} path='' place=0 expected='' option='' offer at name i
  local -a daemon=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    at=${COMP_WORDS[i]}
    if [[ -n $expected ]]; then
      [[ $at == '=' ]] && continue
      case $option in --socket | --instance | --config) daemon+=("$option" "$at") ;; esac
      expected=''
    elif [[ $at == -- ]]; then
      return 0
    elif [[ $at == -* ]]; then
      option=$at
      expected=$(__enforcerctl_offer "$path|$at")
    elif [[ " $(__enforcerctl_verbs "$path") " == *" $at "* ]]; then
      path+=${path:+ }$at
    else
      place=$((place + 1))
    fi
  done
  if [[ -n $expected ]]; then
    [[ $word == '=' ]] && word=''
    offer=$expected
  elif [[ $word == -* ]]; then
    offer="words $(__enforcerctl_options "$path")"
  elif [[ $place == 0 && -n $(__enforcerctl_verbs "$path") ]]; then
    offer="words $(__enforcerctl_verbs "$path")"
  else
    offer=$(__enforcerctl_offer "$path|$place")
  fi
  case $offer in
    'words '*)
      for name in ${offer#words }; do
        [[ $name == "$word"* ]] && COMPREPLY+=("$name")
      done
      ;;
    'names '*)
      while IFS= read -r name; do
        [[ $name == "$word"* ]] && COMPREPLY+=("$name")
      done < <(timeout 3 "$1" ${offer#names } -o name "${daemon[@]}" 2>/dev/null </dev/null)
      ;;
    files)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      ;;
    folders)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      ;;
  esac
  return 0
}
complete -F _enforcerctl enforcerctl
)sh";

/// NAME PATH prints the words that `of` says of the verb.
template <class Of>
std::string bash_words(std::string_view name, const Verb& root, Of of) {
  std::string out = fmt::format("{}() {{\n  case \"$1\" in\n", name);
  for (const Verb* verb : flattened(root)) {
    const std::vector<std::string> words = of(*verb);
    if (!words.empty()) out += fmt::format("    '{}') echo '{}' ;;\n", path_text(*verb), fmt::join(words, " "));
  }
  return out + "  esac\n}\n";
}

}  // namespace

std::string bash_completion(const Verb& root) {
  const auto verbs = [](const Verb& verb) {
    std::vector<std::string> words;
    for (const Verb& below : verb.verbs) words.push_back(below.path.back());
    return words;
  };
  const auto options = [](const Verb& verb) {
    std::vector<std::string> words;
    for (const Argument& option : verb.options) words.insert(words.end(), option.names.begin(), option.names.end());
    return words;
  };
  return fmt::format("{}{}{}{}{}", kBashHead, bash_words("__enforcerctl_verbs", root, verbs),
                     bash_words("__enforcerctl_options", root, options), posix_offer_function(root), kBashTail);
}

}  // namespace enforcer::ctl
