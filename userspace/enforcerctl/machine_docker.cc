// Docker's two files: the daemon's, with mirrors, and the client's, with the registries that somebody logged in to.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "enforcerctl/machine_readers.h"

namespace enforcer::ctl {
namespace {

/// The file as one object; a warning otherwise. The parser does not recurse, so depth is no danger.
nlohmann::json docker_object(std::string_view file, std::string_view text, MachineFindings& into) {
  nlohmann::json object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (object.is_object()) return object;
  into.warn({file}, "this is no JSON object; skipped");
  return nlohmann::json::object();
}

}  // namespace

void read_docker_daemon(std::string_view file, std::string_view text, MachineFindings& into) {
  const nlohmann::json object = docker_object(file, text, into);
  const auto mirrors = object.find("registry-mirrors");
  if (mirrors == object.end()) return;
  if (!mirrors->is_array()) return into.warn({file}, "registry-mirrors is no list; skipped");
  for (const auto& mirror : *mirrors) {
    if (mirror.is_string()) {
      into.add_url(mirror.get_ref<const std::string&>(), {file});
    } else {
      into.warn({file}, "a mirror is no text; skipped");
    }
  }
}

void read_docker_client(std::string_view file, std::string_view text, MachineFindings& into) {
  const nlohmann::json object = docker_object(file, text, into);
  const auto auths = object.find("auths");
  if (auths == object.end()) return;
  if (!auths->is_object()) return into.warn({file}, "auths is no mapping; skipped");
  for (const auto& [registry, ignored] : auths->items()) {
    // "registry.acme.example" or "https://registry.acme.example/v1/".
    const std::string url = registry.contains("://") ? registry : "https://" + registry;
    into.add_url(url, {file});
    if (const auto host = parse_registry_url(url)) {
      into.remark({file}, fmt::format("docker is logged in to {}; that is not copied: make a Credential and name it in "
                                      "the rule",
                                      host->target));
    }
  }
}

}  // namespace enforcer::ctl
