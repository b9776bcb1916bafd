// npmrc(5): "key = value" lines, of which those with registries count.
#include <fmt/format.h>

#include <string>

#include "enforcerctl/machine_readers.h"
#include "enforcerctl/text_lines.h"

namespace enforcer::ctl {
namespace {

std::string_view unquoted(std::string_view value) {
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
    return value.substr(1, value.size() - 2);
  return value;
}

/// "//npm.acme.example/path/:_authToken": whose credential it is. Its value is not looked at.
void take_npm_credential(std::string_view key, const FilePlace& place, MachineFindings& into) {
  const auto colon = key.rfind(':');
  const auto host = parse_registry_url("https:" + std::string(key.substr(0, colon)));
  if (!key.starts_with("//") || !host)
    return into.remark(place, "a credential of npm is not copied: make a Credential and name it in the rule");
  into.remark(place,
              fmt::format("npm has a credential for {}, which is not copied: make a Credential and name it in the "
                          "rule",
                          host->target));
}

bool is_npm_credential(std::string_view key) {
  for (const std::string_view known : {"_authToken", "_auth", "_password"}) {
    if (key == known || key.ends_with(":" + std::string(known))) return true;
  }
  return false;
}

}  // namespace

void read_npmrc(std::string_view file, std::string_view text, MachineFindings& into) {
  std::size_t number = 0;
  for (std::string_view line : file_lines(text)) {
    const FilePlace place{file, ++number};
    line = trimmed(line);
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;  // a truth, such as "strict-ssl"
    const std::string_view key = trimmed(line.substr(0, equals));
    const std::string_view value = unquoted(trimmed(line.substr(equals + 1)));
    if (is_npm_credential(key)) {
      take_npm_credential(key, place, into);
    } else if (key == "registry" || (key.starts_with('@') && key.ends_with(":registry"))) {
      into.forget(key);
      if (value.contains("${")) {
        into.warn(place, "the registry depends on a variable of the environment; skipped");
      } else {
        into.add_url(value, place, key);
      }
    }
  }
}

}  // namespace enforcer::ctl
