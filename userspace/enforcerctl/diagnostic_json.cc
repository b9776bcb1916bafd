#include "enforcerctl/diagnostic_json.h"

namespace enforcer::ctl {

nlohmann::json diagnostic_json(const policy::Diagnostic& diagnostic) {
  const bool error = diagnostic.severity == policy::Severity::kError;
  return {{"file", diagnostic.file},
          {"line", diagnostic.line},
          {"column", diagnostic.column},
          {"code", diagnostic.code},
          {"severity", error ? "error" : "warning"},
          {"message", diagnostic.message},
          {"hint", diagnostic.hint},
          {"page", diagnostic.page()},
          {"text", diagnostic.to_string()}};
}

}  // namespace enforcer::ctl
