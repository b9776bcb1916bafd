// -w of lists: the list is made again and again. A person at a terminal sees it redrawn; everybody else gets the rows
// that are new or say something else than before, and of JSON and YAML the whole answer.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "enforcerctl/review_text.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {

/// Shows the list once, on that Tool's terminal.
using ShowList = std::function<ExitCode(Tool&)>;

/// Goes on while `wait` says so. A list that fails at first is an ordinary failure; later that is said, once, and it is
/// tried again.
[[nodiscard]] ExitCode print_changes(const Tool& tool, const ShowList& show, const std::function<bool()>& wait);

/// Until somebody ends it.
[[nodiscard]] ExitCode watch_list(const Tool& tool, const ShowList& show);

/// The rows that were there before, told by what stands below NAME, or else by their first word. Columns that grew say
/// nothing.
class ListRows {
 public:
  struct News {
    std::vector<std::size_t> changed;  ///< indexes of `rows`
    std::vector<std::string> gone;     ///< names
  };
  News take(std::string_view header, const Lines& rows);

 private:
  std::multimap<std::string, std::string> before_;  ///< by name
};

}  // namespace enforcer::ctl
