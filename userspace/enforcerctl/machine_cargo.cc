// cargo's config.toml: [source.NAME] with registry or replace-with, [registries.NAME] with index.
#include <set>
#include <string>

#include "enforcerctl/machine_readers.h"
#include "enforcerctl/toml_texts.h"

namespace enforcer::ctl {
namespace {

void take_cargo_index(const TomlText& found, std::string_view file, MachineFindings& into) {
  const FilePlace place{file, found.line};
  const std::string setting = found.path[0] + "." + found.path[1];
  static constexpr std::string_view kSparse = "sparse+";
  into.forget(setting);
  if (found.text.starts_with(kSparse)) {
    into.add_url(std::string_view(found.text).substr(kSparse.size()), place, setting);
  } else {
    into.warn(place, "the index is no sparse one (sparse+https://...), and GET alone reads no other; skipped");
  }
}

/// "source.NAME.registry"
bool is_cargo_setting(const TomlText& found, std::string_view table, std::string_view key) {
  return found.path.size() == 3 && found.path[0] == table && found.path[2] == key;
}

}  // namespace

void read_cargo_config(std::string_view file, std::string_view text, MachineFindings& into) {
  const TomlTexts config = read_toml_texts(text);
  // Half of a file could lack the line that replaces a source.
  if (config.wrong_line != 0) return into.warn({file, config.wrong_line}, "this is no TOML; the file is skipped");
  std::set<std::string> replaced;
  for (const TomlText& found : config.settings) {
    if (is_cargo_setting(found, "source", "replace-with")) replaced.insert(found.path[1]);
  }
  for (const std::string& name : replaced) into.forget("source." + name);
  for (const TomlText& found : config.settings) {
    // Whatever a replaced source says itself is not asked.
    if (is_cargo_setting(found, "source", "registry") && !replaced.contains(found.path[1]))
      take_cargo_index(found, file, into);
    if (is_cargo_setting(found, "registries", "index")) take_cargo_index(found, file, into);
  }
}

}  // namespace enforcer::ctl
