// Presets: rules for one capability, with what they expose and with tests of their own. A preset is no policy: its
// parameters are filled first (preset_rules.h), and what comes out is written into a policy, where people read it.
//
//   apiVersion: enforcer.dev/v1
//   kind: Preset
//   metadata: {name: npm}
//   spec:
//     summary: Download packages for npm
//     exposes: ["Whoever can publish a package there can run code in the guest."]
//     parameters: [{name: hosts, kind: hosts, machine: npm, about: "the registries", example: [npm.acme.example]}]
//     allow: [{name: npm, to: ["${hosts}"], http: [{methods: [GET, HEAD]}]}]
//     tests: [{request: "GET ${hosts.url}/w", expect: allow}]
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "enforcerctl/machine_configuration.h"
#include "policy/yaml_reader.h"

namespace enforcer::ctl {

struct PresetParameter {
  enum class Kind {
    kHosts,     ///< host names, each with a port where it is not 443
    kNames,     ///< host names, on port 443
    kPatterns,  ///< of repositories or refs
  };
  std::string name;
  Kind kind = Kind::kHosts;
  std::optional<MachineTool> machine;  ///< whose configuration can fill it
  std::string about;
  std::vector<std::string> usual;    ///< `default`; empty: it must be given
  std::vector<std::string> example;  ///< not empty
};

struct Preset {
  std::string name;
  std::string summary;
  std::vector<std::string> exposes;
  std::vector<std::string> notes;
  std::vector<PresetParameter> parameters;
  /// Lists of rules and of tests, with parameters in them; kNothing where there is no such list.
  policy::YamlNode allow;
  policy::YamlNode review;
  policy::YamlNode deny;
  policy::YamlNode tests;

  [[nodiscard]] const PresetParameter* parameter(std::string_view called) const;
};

/// kInvalid with all problems, a line each.
Result<Preset> parse_preset(std::string_view file, std::string_view text);

/// Where the presets are: beside this program as it is installed, or in the source tree that it was built in.
Result<std::string> presets_folder();

/// All of a folder, sorted by name. kInvalid: one of them does not load, or is called differently from its file.
Result<std::vector<Preset>> presets_in(const std::string& folder);

/// kNotFound names those that there are.
Result<const Preset*> find_preset(const std::vector<Preset>& presets, std::string_view name);

}  // namespace enforcer::ctl
