// The metrics of enforcerd as a page: each family, its type, its labels, what it says. From an exposition in which each
// family has a series, made by the code that makes the daemon's.
#pragma once

#include <string>
#include <vector>

namespace enforcer::pages {

struct MetricFamily {
  std::string name;  ///< "enforcer_denied_total"
  std::string type;  ///< "counter", "gauge", "histogram"
  std::string help;
  std::vector<std::string> labels;  ///< in the order of the exposition; a histogram's `le` is not among them
};

/// Of the text format 0.0.4, sorted by name.
[[nodiscard]] std::vector<MetricFamily> families_of(const std::string& exposition);

/// An exposition with a series of every family that there is.
[[nodiscard]] std::string every_family();

/// What a label may be, where the family's name is of no matter or is one of these.
struct LabelWords {
  std::string label;
  std::vector<std::string> families;  ///< without "enforcer_"; empty: all that have the label
  std::string values;                 ///< Markdown
};
[[nodiscard]] std::vector<LabelWords> label_words();

[[nodiscard]] std::string metric_page();

}  // namespace enforcer::pages
