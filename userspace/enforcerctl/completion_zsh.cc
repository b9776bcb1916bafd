#include <fmt/format.h>

#include "enforcerctl/completion.h"

namespace enforcer::ctl {
namespace {

constexpr std::string_view kZshHead = R"(#compdef enforcerctl
# zsh completion for enforcerctl, as 'enforcerctl completion zsh' writes it.
)";

// The last lines serve both ways to load it: as a function of $fpath, and sourced.
constexpr std::string_view kZshTail = R"sh(_enforcerctl() {
  local path_= place=0 expected= option= offer= at= i
  local -a reply daemon names
  for ((i = 2; i < CURRENT; i++)); do
    at=${(Q)words[i]}
    if [[ -n $expected ]]; then
      case $option in --socket | --instance | --config) daemon+=("$option" "$at") ;; esac
      expected=
    elif [[ $at == -- ]]; then
      return 1
    elif [[ $at == --*=* ]]; then
      case $at in --socket=* | --instance=* | --config=*) daemon+=("$at") ;; esac
    elif [[ $at == -* ]]; then
      option=$at
      expected=$(__enforcerctl_offer "$path_|$at")
    else
      __enforcerctl_verbs "$path_"
      if (( ${reply[(I)$at:*]} )); then
        path_+=${path_:+ }$at
      else
        place=$((place + 1))
      fi
    fi
  done
  __enforcerctl_verbs "$path_"
  if [[ -n $expected ]]; then
    offer=$expected
  elif [[ $PREFIX == --*=* ]]; then
    offer=$(__enforcerctl_offer "$path_|${PREFIX%%=*}")
    compset -P 1 '*='
  elif [[ $PREFIX == -* ]]; then
    __enforcerctl_options "$path_"
    _describe -o option reply
    return
  elif (( $#reply && place == 0 )); then
    _describe verb reply
    return
  else
    offer=$(__enforcerctl_offer "$path_|$place")
  fi
  case $offer in
    words\ *)
      names=(${=offer#words })
      compadd -a names
      ;;
    names\ *)
      names=(${(f)"$(timeout 3 ${(Q)words[1]} ${=offer#names } -o name $daemon 2>/dev/null </dev/null)"})
      compadd -a names
      ;;
    files) _files ;;
    folders) _files -/ ;;
    *) return 1 ;;
  esac
}
if [[ $funcstack[1] == _enforcerctl ]]; then
  _enforcerctl "$@"
else
  compdef _enforcerctl enforcerctl
fi
)sh";

/// As _describe reads it, where the first colon ends the word.
std::string zsh_word(std::string_view word, std::string_view description) {
  return shell_quoted(fmt::format("{}:{}", word, description));
}

/// NAME PATH sets reply to the words that `of` says of the verb.
template <class Of>
std::string zsh_words(std::string_view name, const Verb& root, Of of) {
  std::string out = fmt::format("{}() {{\n  reply=()\n  case \"$1\" in\n", name);
  for (const Verb* verb : flattened(root)) {
    const std::vector<std::string> words = of(*verb);
    if (words.empty()) continue;
    out += fmt::format("    '{}')\n      reply=(\n", path_text(*verb));
    for (const std::string& word : words) out += "        " + word + "\n";
    out += "      )\n      ;;\n";
  }
  return out + "  esac\n}\n";
}

}  // namespace

std::string zsh_completion(const Verb& root) {
  const auto verbs = [](const Verb& verb) {
    std::vector<std::string> words;
    for (const Verb& below : verb.verbs) words.push_back(zsh_word(below.path.back(), below.text.summary));
    return words;
  };
  const auto options = [](const Verb& verb) {
    std::vector<std::string> words;
    for (const Argument& option : verb.options) {
      for (const std::string& name : option.names) words.push_back(zsh_word(name, option.description));
    }
    return words;
  };
  return fmt::format("{}{}{}{}{}", kZshHead, zsh_words("__enforcerctl_verbs", root, verbs),
                     zsh_words("__enforcerctl_options", root, options), posix_offer_function(root), kZshTail);
}

}  // namespace enforcer::ctl
