// The page of the metrics: what it takes from an exposition, and that it leaves no label without an explanation.
#include "pages/metric_page.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

namespace enforcer::pages::test {
namespace {

TEST_CASE("families_are_read_from_an_exposition_with_their_labels") {
  const auto families = families_of(
      "# HELP b_seconds How long.\n# TYPE b_seconds histogram\n"
      "b_seconds_count{side=\"x\"} 0\nb_seconds_sum{side=\"x\"} 0\nb_seconds_bucket{side=\"x\",le=\"0.1\"} 0\n"
      "# HELP a_count How many.\n# TYPE a_count gauge\na_count{one=\"\",two=\"2\"} 1\na_count{one=\"1\",two=\"\"} 1\n"
      "# HELP c_total Nothing yet.\n# TYPE c_total counter\n");
  REQUIRE(families.size() == 3);
  CHECK((families[0].name == "a_count" && families[0].type == "gauge" && families[0].help == "How many."));
  CHECK(families[0].labels == std::vector<std::string>{"one", "two"});
  CHECK((families[1].name == "b_seconds" && families[1].type == "histogram"));
  CHECK(families[1].labels == std::vector<std::string>{"side"});
  CHECK((families[2].name == "c_total" && families[2].labels.empty()));
}

TEST_CASE("every_family_has_a_series_so_that_no_label_is_missed") {
  const std::string text = every_family();
  const auto families = families_of(text);
  CHECK(families.size() > 30);
  for (const MetricFamily& family : families) {
    CHECK_MESSAGE((family.help.ends_with('.') && !family.type.empty()), family.name);
    const std::string sample = "\n" + family.name + (family.type == "histogram" ? "_count" : "");
    CHECK_MESSAGE((text.contains(sample + "{") || text.contains(sample + " ")), family.name);
  }
}

TEST_CASE("each_label_of_each_family_is_explained_once_and_nothing_else_is") {
  std::set<std::pair<std::string, std::string>> unused;
  for (const LabelWords& words : label_words()) {
    for (const std::string& family : words.families) unused.emplace(words.label, "enforcer_" + family);
    if (words.families.empty()) unused.emplace(words.label, "");
  }
  for (const MetricFamily& family : families_of(every_family())) {
    for (const std::string& label : family.labels) {
      const auto explains = [&](const LabelWords& words) {
        return words.label == label && (words.families.empty() || std::ranges::any_of(words.families, [&](auto& one) {
                                          return "enforcer_" + one == family.name;
                                        }));
      };
      CHECK_MESSAGE(std::ranges::count_if(label_words(), explains) == 1, family.name << " " << label);
      unused.erase({label, family.name});
      unused.erase({label, ""});
    }
  }
  for (const auto& [label, family] : unused) FAIL_CHECK(label << " of " << family << " is no label of any family");
}

}  // namespace
}  // namespace enforcer::pages::test
