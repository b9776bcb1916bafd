#include "enforcerctl/diagnostic_json.h"

#include <fmt/format.h>

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

std::string diagnostic_line(const Terminal& terminal, const policy::Diagnostic& diagnostic) {
  const bool error = diagnostic.severity == policy::Severity::kError;
  const std::string place =
      printable_lines(fmt::format("{}:{}:{}: ", diagnostic.file, diagnostic.line, diagnostic.column));
  const std::string_view severity = error ? "error" : "warning";
  const std::string rest = printable_lines(diagnostic.to_string()).substr(place.size() + severity.size());
  return place + paint(terminal, error ? Colour::kRed : Colour::kYellow, severity) + rest;
}

}  // namespace enforcer::ctl
