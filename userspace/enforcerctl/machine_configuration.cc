#include "enforcerctl/machine_configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/files.h"
#include "enforcerctl/machine_readers.h"

namespace enforcer::ctl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostConfiguration = 1 << 20;
constexpr std::size_t kMostFiles = 256;  // of one folder

using ReadConfiguration = void (*)(std::string_view file, std::string_view text, MachineFindings& into);

class MachineReader {
 public:
  MachineReader(const MachinePlaces& places, MachineFindings& found) : places_(places), found_(found) {}

  void read(const std::string& path, ReadConfiguration reader) {
    const std::string file = places_.root + path;
    const auto text = read_file(file, kMostConfiguration, LastLink::kFollow);
    if (text) return reader(file, *text, found_);
    if (text.error().code != Errc::kNotFound) found_.warn({file}, "the file cannot be read; skipped");
  }

  void read_at_home(const std::string& path, ReadConfiguration reader) {
    if (!places_.home.empty()) read(places_.home + "/" + path, reader);
  }

  /// A file that a variable names.
  void read_named(const char* variable, const std::string& below, ReadConfiguration reader) {
    if (const auto path = places_.environment(variable); path && !path->empty()) read(*path + below, reader);
  }

  /// Those with the ending, sorted by name, as apt takes them.
  void read_folder(const std::string& path, std::string_view ending, ReadConfiguration reader) {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator at(places_.root + path, error), end; !error && at != end; at.increment(error)) {
      const std::string name = at->path().filename();
      if (name.ends_with(ending) && !name.starts_with('.')) names.push_back(name);
    }
    if (error && error != std::errc::no_such_file_or_directory)
      found_.warn({places_.root + path}, "the folder cannot be read; skipped");
    std::ranges::sort(names);
    if (names.size() > kMostFiles) {
      found_.warn({places_.root + path}, fmt::format("more than {} files; the rest is skipped", kMostFiles));
      names.resize(kMostFiles);
    }
    for (const std::string& name : names) read(path + "/" + name, reader);
  }

 private:
  const MachinePlaces& places_;
  MachineFindings& found_;
};

/// What the environment says is strongest.
void take_variable(const MachinePlaces& places, const char* variable, std::string_view setting,
                   MachineFindings& found) {
  const auto value = places.environment(variable);
  if (!value || value->empty()) return;
  found.forget(setting);
  const std::string place = fmt::format("${}", variable);
  if (setting == "registry") {
    found.add_url(*value, {place}, setting);
  } else {
    take_pip_setting(setting, *value, {place}, found);
  }
}

void read_apt(MachineReader& reader) {
  reader.read("/etc/apt/sources.list", read_apt_lines);
  reader.read_folder("/etc/apt/sources.list.d", ".list", read_apt_lines);
  reader.read_folder("/etc/apt/sources.list.d", ".sources", read_apt_stanzas);
  reader.read_folder("/etc/apt/apt.conf.d", "", read_apt_conf);
  reader.read("/etc/apt/apt.conf", read_apt_conf);
}

void read_npm(MachineReader& reader, const MachinePlaces& places, MachineFindings& found) {
  reader.read("/usr/etc/npmrc", read_npmrc);
  reader.read("/usr/local/etc/npmrc", read_npmrc);
  reader.read("/etc/npmrc", read_npmrc);
  reader.read_at_home(".npmrc", read_npmrc);
  take_variable(places, "npm_config_registry", "registry", found);
}

void read_pip(MachineReader& reader, const MachinePlaces& places, MachineFindings& found) {
  reader.read("/etc/pip.conf", read_pip_conf);
  reader.read_at_home(".pip/pip.conf", read_pip_conf);
  reader.read_at_home(".config/pip/pip.conf", read_pip_conf);
  reader.read_named("PIP_CONFIG_FILE", "", read_pip_conf);
  take_variable(places, "PIP_INDEX_URL", "index-url", found);
  take_variable(places, "PIP_EXTRA_INDEX_URL", "extra-index-url", found);
}

}  // namespace

std::string_view label(MachineTool tool) {
  return kMachineTools[static_cast<std::size_t>(tool)];
}

MachinePlaces machine_places(const std::string& root) {
  MachinePlaces places{.root = root, .home = "", .environment = [](const char*) { return std::nullopt; }};
  if (!root.empty()) {
    places.home = "/root";
    return places;
  }
  places.environment = [](const char* name) -> std::optional<std::string> {
    const char* const value = std::getenv(name);
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  places.home = places.environment("HOME").value_or("");
  return places;
}

MachineFindings read_machine(MachineTool tool, const MachinePlaces& places) {
  MachineFindings found;
  MachineReader reader(places, found);
  switch (tool) {
    case MachineTool::kApt:
      read_apt(reader);
      break;
    case MachineTool::kNpm:
      read_npm(reader, places, found);
      break;
    case MachineTool::kPip:
      read_pip(reader, places, found);
      break;
    case MachineTool::kCargo:
      reader.read_at_home(".cargo/config", read_cargo_config);
      reader.read_at_home(".cargo/config.toml", read_cargo_config);
      reader.read_named("CARGO_HOME", "/config.toml", read_cargo_config);
      break;
    case MachineTool::kDocker:
      reader.read("/etc/docker/daemon.json", read_docker_daemon);
      reader.read_at_home(".docker/config.json", read_docker_client);
      reader.read_named("DOCKER_CONFIG", "/config.json", read_docker_client);
      break;
  }
  return found;
}

}  // namespace enforcer::ctl
