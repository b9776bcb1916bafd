// Where this machine's package tools have their configuration, weakest first: what stands further behind replaces what
// it says again.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "enforcerctl/machine_findings.h"

namespace enforcer::ctl {

enum class MachineTool { kApt, kNpm, kPip, kCargo, kDocker };
inline constexpr std::string_view kMachineTools[] = {"apt", "npm", "pip", "cargo", "docker"};  ///< in the order above
[[nodiscard]] std::string_view label(MachineTool tool);

struct MachinePlaces {
  std::string root;  ///< "" is this machine; else the folder that its "/" is
  std::string home;  ///< below `root`; empty: nobody's
  /// A variable of the environment, of this machine only.
  std::function<std::optional<std::string>(const char* name)> environment;
};

/// This machine and whoever runs the tool; with a root, only the files below it.
[[nodiscard]] MachinePlaces machine_places(const std::string& root);

/// Files that do not exist say nothing; one that cannot be read, is no regular file or has more than 1 MiB is a
/// warning.
[[nodiscard]] MachineFindings read_machine(MachineTool tool, const MachinePlaces& places);

}  // namespace enforcer::ctl
