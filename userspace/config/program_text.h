// What the daemons say about themselves: --help prints it, and the manual pages are written from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace enforcer::config {

struct ProgramOption {
  std::string_view name;         ///< "--config"
  std::string_view value;        ///< "FILE"; empty: a flag
  std::string_view description;  ///< one sentence without its full stop
};

struct ProgramExit {
  int code;
  std::string_view meaning;
};

struct ProgramFile {
  std::string_view path;
  std::string_view what;
};

struct ProgramText {
  std::string_view name;
  std::string_view summary;                   ///< one line
  std::vector<std::string_view> synopses;     ///< what follows the name
  std::vector<std::string_view> description;  ///< paragraphs, for the page only
  std::span<const ProgramOption> options;     ///< without --help
  std::vector<ProgramExit> exits;
  std::vector<std::pair<std::string_view, std::string_view>> signals;  ///< name, what it does
  std::vector<ProgramFile> files;
  std::vector<std::string_view> see_also;  ///< "enforcerctl(1)"
};

[[nodiscard]] const ProgramText& enforcerd_text();
[[nodiscard]] const ProgramText& hostd_text();

/// What --help prints: usage, what it is, and the options, --help among them.
[[nodiscard]] std::string help_of(const ProgramText& program);

}  // namespace enforcer::config
