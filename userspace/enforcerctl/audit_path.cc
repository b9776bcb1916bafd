#include "enforcerctl/audit_path.h"

#include "enforcerctl/configured.h"

namespace enforcer::ctl {

Result<std::string> audit_path(const Tool& tool, const std::string& given) {
  if (!given.empty()) return given;
  return TRY(loaded_config(tool.common.config, "with the path of the log it is not needed")).audit.path;
}

}  // namespace enforcer::ctl
