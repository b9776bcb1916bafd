// cargo's config.toml: [source.NAME] with registry or replace-with, [registries.NAME] with index.
#include <string>

// Errors as values, like everywhere here.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "enforcerctl/machine_readers.h"

namespace enforcer::ctl {
namespace {

void take_cargo_index(const toml::node& node, std::string_view file, std::string_view setting, MachineFindings& into) {
  const FilePlace place{file, node.source().begin.line};
  const auto url = node.value<std::string_view>();
  static constexpr std::string_view kSparse = "sparse+";
  if (!url) {
    into.warn(place, "an index is no text; skipped");
  } else if (url->starts_with(kSparse)) {
    into.add_url(url->substr(kSparse.size()), place, setting);
  } else {
    into.warn(place, "the index is a git repository and no sparse one, which GET alone does not read; skipped");
  }
}

/// The tables below [NAME], each by its own name.
template <class Take>
void each_cargo_table(const toml::table& config, std::string_view name, std::string_view file, MachineFindings& into,
                      Take take) {
  const toml::node* const tables = config.get(name);
  if (!tables) return;
  if (!tables->is_table()) return into.warn({file, tables->source().begin.line}, "a table is expected; skipped");
  for (const auto& [key, node] : *tables->as_table()) {
    if (const toml::table* const table = node.as_table()) {
      take(std::string(key.str()), *table);
    } else if (name == "source") {
      into.warn({file, node.source().begin.line}, "a source is no table; skipped");
    }
  }
}

}  // namespace

void read_cargo_config(std::string_view file, std::string_view text, MachineFindings& into) {
  const toml::parse_result config = toml::parse(text);
  if (!config) return into.warn({file, config.error().source().begin.line}, "this is no TOML; the file is skipped");
  each_cargo_table(config.table(), "source", file, into, [&](const std::string& name, const toml::table& source) {
    const std::string setting = "source." + name;
    if (source.contains("replace-with") || source.contains("registry")) into.forget(setting);
    if (source.contains("replace-with")) return;  // whatever it says itself is not asked
    if (const toml::node* const registry = source.get("registry")) take_cargo_index(*registry, file, setting, into);
  });
  each_cargo_table(config.table(), "registries", file, into, [&](const std::string& name, const toml::table& registry) {
    const std::string setting = "registries." + name;
    const toml::node* const index = registry.get("index");
    if (!index) return;
    into.forget(setting);
    take_cargo_index(*index, file, setting, into);
  });
}

}  // namespace enforcer::ctl
