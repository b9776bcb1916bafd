#include "enforcerctl/audit_path.h"

#include "config/config.h"

namespace enforcer::ctl {

Result<std::string> audit_path(const Tool& tool, const std::string& given) {
  if (!given.empty()) return given;
  const auto outcome = config::load_config(tool.common.config);
  if (outcome.config) return outcome.config->audit.path;
  std::string text = "the configuration does not load (with the path of the log it is not needed)";
  for (const auto& diagnostic : outcome.diagnostics) text += "\n" + diagnostic.to_string();
  return fail(Errc::kInvalid, text);
}

}  // namespace enforcer::ctl
