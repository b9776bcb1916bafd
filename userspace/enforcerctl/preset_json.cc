#include "enforcerctl/preset_json.h"

namespace enforcer::ctl {

nlohmann::json preset_json(const Preset& preset) {
  nlohmann::json parameters = nlohmann::json::array();
  for (const PresetParameter& parameter : preset.parameters) {
    nlohmann::json entry = {{"name", parameter.name},
                            {"about", parameter.about},
                            {"required", parameter.usual.empty()},
                            {"default", parameter.usual},
                            {"example", parameter.example}};
    if (parameter.machine) entry["machine"] = label(*parameter.machine);
    parameters.push_back(std::move(entry));
  }
  return {{"name", preset.name},
          {"summary", preset.summary},
          {"exposes", preset.exposes},
          {"notes", preset.notes},
          {"parameters", std::move(parameters)}};
}

}  // namespace enforcer::ctl
