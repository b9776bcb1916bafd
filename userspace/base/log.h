// The daemon's own log: one line per event on standard error, for journald and people. Decisions go to audit/, not
// here.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace enforcer {

enum class LogLevel { kInfo, kWarning, kError };

/// Writes "<3>program: message\n" with one write(2); the prefix is sd-daemon(3)'s, left out when stderr is a terminal.
/// The caller escapes guest text.
void log_line(LogLevel level, std::string_view message);

/// Names the program in every line; called once, before any thread starts.
void set_log_name(std::string_view name);

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace enforcer
