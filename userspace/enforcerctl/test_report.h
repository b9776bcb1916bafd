// What came of spec.tests, for machines: JSON, JUnit XML and TAP 13. Texts of policies may hold anything printable in
// any language; in these formats they stand as printable ASCII, escaped once more for the format.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "policy/loader.h"

namespace enforcer::ctl {

enum class Coverage { kLeaveOut, kTell };

struct TestCounts {
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::size_t skipped = 0;
};
[[nodiscard]] TestCounts counts_of(const policy::TestOutcome& outcome);

struct RuleCounts {
  std::size_t reached = 0;
  std::size_t all = 0;
  /// Of all, rounded down, so that 100 is said of all only; 100 where there are none.
  [[nodiscard]] std::size_t percent() const { return all == 0 ? 100 : reached * 100 / all; }
};
[[nodiscard]] RuleCounts coverage_of(const policy::TestOutcome& outcome);

/// "reached 5 of 7 rules (71 %)"
[[nodiscard]] std::string coverage_line(const policy::TestOutcome& outcome);

/// Each test by itself; where none was asked, each problem that kept them from being asked.
[[nodiscard]] std::vector<nlohmann::json> test_items(const policy::TestOutcome& outcome);
[[nodiscard]] nlohmann::json test_json(const policy::TestOutcome& outcome, Coverage coverage);

/// A testsuite for each policy. Policies that do not load are one testsuite, "load", with an error for each problem.
[[nodiscard]] std::string junit_text(const policy::TestOutcome& outcome, Coverage coverage);

/// Test Anything Protocol 13 (testanything.org). Policies that do not load: "Bail out!".
[[nodiscard]] std::string tap_text(const policy::TestOutcome& outcome, Coverage coverage);

}  // namespace enforcer::ctl
