#include "base/log.h"

#include <unistd.h>

#include <string>

namespace enforcer {
namespace {

std::string& log_name() {
  static std::string name = "enforcer";
  return name;
}

}  // namespace

void set_log_name(std::string_view name) {
  log_name() = name;
}

void log_line(LogLevel level, std::string_view message) {
  static const bool on_terminal = isatty(STDERR_FILENO) == 1;
  const int priority = level == LogLevel::kError ? 3 : level == LogLevel::kWarning ? 4 : 6;
  const std::string prefix = on_terminal ? "" : fmt::format("<{}>", priority);
  const std::string line = fmt::format("{}{}: {}\n", prefix, log_name(), message);
  // A log that cannot be written must never stop enforcement: there is nobody left to tell.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace enforcer
