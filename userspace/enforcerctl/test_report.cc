#include "enforcerctl/test_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/text.h"
#include "control/json_object.h"
#include "enforcerctl/diagnostic_json.h"
#include "enforcerctl/terminal.h"
#include "enforcerctl/yaml_text.h"

namespace enforcer::ctl {
namespace {

using policy::TestResult;
using policy::TestRun;

std::string place_of(const TestRun& run) {
  return fmt::format("{}:{}:{}", run.file, run.place.line, run.place.column);
}

/// "expects allow by code", what a reader of a report sees of a test that passed.
std::string title_of(const TestRun& run) {
  return fmt::format("{}: {} is {}{}", run.policy, run.text, label(run.expect),
                     run.expect_rule.empty() ? "" : " by " + run.expect_rule);
}

/// As an attribute or as text (XML 1.0, 2.4). Printable ASCII, for most other characters are not allowed in every XML.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : printable_lines(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += "&#10;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string test_case(const TestRun& run) {
  std::string text = fmt::format("    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\"", xml(run.policy),
                                 xml(title_of(run)), xml(run.file), run.place.line);
  switch (run.result) {
    case TestResult::kPassed:
      return text + "/>\n";
    case TestResult::kFailed:
      return text + fmt::format(">\n      <failure type=\"decision\" message=\"{}\">{}</failure>\n    </testcase>\n",
                                xml(run.message), xml(place_of(run) + ": " + run.message));
    case TestResult::kSkipped:
      break;
  }
  return text + fmt::format(">\n      <skipped message=\"{}\"/>\n    </testcase>\n", xml(run.message));
}

std::string count_attributes(std::size_t tests, std::size_t failures, std::size_t errors, std::size_t skipped) {
  return fmt::format(R"(tests="{}" failures="{}" errors="{}" skipped="{}")", tests, failures, errors, skipped);
}

/// The problems that kept the tests from being asked.
std::string unloadable(const policy::TestOutcome& outcome) {
  std::string cases;
  std::size_t errors = 0;
  for (const policy::Diagnostic& problem : outcome.diagnostics) {
    if (problem.severity != policy::Severity::kError) continue;
    ++errors;
    cases += fmt::format(
        "    <testcase classname=\"load\" name=\"{}:{}:{}\" file=\"{}\" line=\"{}\">\n      <error type=\"{}\" "
        "message=\"{}\"/>\n    </testcase>\n",
        xml(problem.file), problem.line, problem.column, xml(problem.file), problem.line, problem.code,
        xml(problem.to_string()));
  }
  const std::string counts = count_attributes(errors, 0, errors, 0);
  return fmt::format("<testsuites {}>\n  <testsuite name=\"load\" {}>\n{}  </testsuite>\n</testsuites>\n", counts,
                     counts, cases);
}

/// A description ends at a '#', which begins a directive.
std::string tap_title(std::string_view text) {
  std::string out;
  for (const char c : printable_lines(text)) {
    if (c == '\\' || c == '#') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string tap_line(const TestRun& run, std::size_t number) {
  std::string text =
      fmt::format("{} {} - {}", run.result == TestResult::kFailed ? "not ok" : "ok", number, tap_title(title_of(run)));
  if (run.result == TestResult::kSkipped) text += " # SKIP " + tap_title(run.message);
  text += "\n";
  if (run.result != TestResult::kFailed) return text;
  return text + fmt::format("  ---\n  message: {}\n  at: {}\n  got: {}\n  rule: {}\n  ...\n", yaml_quoted(run.message),
                            yaml_quoted(place_of(run)), label(run.got), yaml_quoted(run.rule));
}

nlohmann::json run_json(const TestRun& run) {
  return {{"policy", run.policy},           {"file", run.file},
          {"line", run.place.line},         {"column", run.place.column},
          {"question", run.text},           {"expect", label(run.expect)},
          {"expect_rule", run.expect_rule}, {"got", label(run.got)},
          {"reason", label(run.reason)},    {"rule", run.rule},
          {"result", label(run.result)},    {"message", run.message}};
}

nlohmann::json reach_json(const policy::RuleReach& reach) {
  return {{"kind", label(reach.rule.kind)},
          {"rule", reach.rule.name},
          {"place", reach.place},
          {"list", label(reach.list)},
          {"tests", reach.tests}};
}

}  // namespace

TestCounts counts_of(const policy::TestOutcome& outcome) {
  const auto count = [&](TestResult result) {
    return static_cast<std::size_t>(std::ranges::count(outcome.tests, result, &TestRun::result));
  };
  return {count(TestResult::kPassed), count(TestResult::kFailed), count(TestResult::kSkipped)};
}

RuleCounts coverage_of(const policy::TestOutcome& outcome) {
  const auto missed = static_cast<std::size_t>(std::ranges::count(outcome.rules, 0U, &policy::RuleReach::tests));
  return {.reached = outcome.rules.size() - missed, .all = outcome.rules.size()};
}

std::string coverage_line(const policy::TestOutcome& outcome) {
  const RuleCounts rules = coverage_of(outcome);
  return fmt::format("reached {} of {} ({} %)", rules.reached, count_of(rules.all, "rule"), rules.percent());
}

std::vector<nlohmann::json> test_items(const policy::TestOutcome& outcome) {
  std::vector<nlohmann::json> items;
  for (const TestRun& run : outcome.tests) items.push_back(run_json(run));
  if (outcome.asked) return items;
  for (const auto& problem : outcome.diagnostics) items.push_back(diagnostic_json(problem));
  return items;
}

nlohmann::json test_json(const policy::TestOutcome& outcome, Coverage coverage) {
  const TestCounts counts = counts_of(outcome);
  nlohmann::json answer = control::answer_object();
  answer["valid"] = outcome.asked;
  answer["passed"] = counts.passed;
  answer["failed"] = counts.failed;
  answer["skipped"] = counts.skipped;
  answer["tests"] = nlohmann::json::array();
  answer["diagnostics"] = nlohmann::json::array();
  for (const TestRun& run : outcome.tests) answer["tests"].push_back(run_json(run));
  for (const auto& problem : outcome.diagnostics) answer["diagnostics"].push_back(diagnostic_json(problem));
  if (coverage == Coverage::kLeaveOut) return answer;
  const RuleCounts rules = coverage_of(outcome);
  nlohmann::json all = nlohmann::json::array();
  for (const policy::RuleReach& reach : outcome.rules) all.push_back(reach_json(reach));
  answer["coverage"] = {{"percent", rules.percent()}, {"reached", rules.reached}, {"rules", std::move(all)}};
  return answer;
}

std::string junit_text(const policy::TestOutcome& outcome, Coverage coverage) {
  const std::string head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  if (!outcome.asked) return head + unloadable(outcome);
  std::map<std::string, std::vector<const TestRun*>> suites;
  for (const TestRun& run : outcome.tests) suites[run.policy].push_back(&run);
  const TestCounts all = counts_of(outcome);
  std::string text =
      fmt::format("{}<testsuites {}>\n", head, count_attributes(outcome.tests.size(), all.failed, 0, all.skipped));
  for (const auto& [name, runs] : suites) {
    const auto failed = std::ranges::count(runs, TestResult::kFailed, &TestRun::result);
    const auto skipped = std::ranges::count(runs, TestResult::kSkipped, &TestRun::result);
    text += fmt::format(
        "  <testsuite name=\"{}\" {}>\n", xml(name),
        count_attributes(runs.size(), static_cast<std::size_t>(failed), 0, static_cast<std::size_t>(skipped)));
    for (const TestRun* run : runs) text += test_case(*run);
    text += "  </testsuite>\n";
  }
  if (coverage == Coverage::kTell) text += fmt::format("  <!-- {} -->\n", coverage_line(outcome));
  return text + "</testsuites>\n";
}

std::string tap_text(const policy::TestOutcome& outcome, Coverage coverage) {
  std::string text = "TAP version 13\n";
  if (!outcome.asked) {
    const auto error = std::ranges::find(outcome.diagnostics, policy::Severity::kError, &policy::Diagnostic::severity);
    return text + fmt::format("Bail out! {}\n", tap_title(error->to_string()));
  }
  text += outcome.tests.empty() ? "1..0 # SKIP there are no tests\n" : fmt::format("1..{}\n", outcome.tests.size());
  for (std::size_t i = 0; i < outcome.tests.size(); ++i) text += tap_line(outcome.tests[i], i + 1);
  if (coverage == Coverage::kLeaveOut) return text;
  text += fmt::format("# {}\n", coverage_line(outcome));
  for (const policy::RuleReach& reach : outcome.rules) {
    if (reach.tests == 0)
      text += fmt::format("# no test reaches {} at {}\n", reach.rule.name, printable_lines(reach.place));
  }
  return text;
}

}  // namespace enforcer::ctl
