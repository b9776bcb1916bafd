// Tables, records and small texts.
#include <doctest/doctest.h>

#include "captured_terminal.h"
#include "enforcerctl/exit_code.h"
#include "enforcerctl/record_line.h"
#include "enforcerctl/table.h"
#include "enforcerctl/tool.h"

using namespace enforcer;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;

namespace {

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); });
}

std::string line(std::string_view json) {
  const CapturedTerminal terminal;
  return record_line(terminal, json).value_or("");
}

}  // namespace

TEST_CASE("a_table_aligns_its_columns_and_ends_no_line_in_blanks") {
  Table table({"NAME", "X"});
  table.add({"a", ""});
  table.add({"longer", "y"});
  CHECK(table.render(Headers::kShow) == "NAME     X\na        -\nlonger   y\n");
  CHECK(table.render(Headers::kHide) == "a        -\nlonger   y\n");
}

TEST_CASE("invariant_10_no_cell_reaches_the_terminal_unescaped") {
  Table table({"NAME"});
  table.add({"\x1b[2J\n\xc2\x9b evil\\"});
  CHECK(table.render(Headers::kHide) == "\\x1b[2J\\x0a\\xc2\\x9b evil\\x5c\n");
}

TEST_CASE("a_decision_is_one_line") {
  const std::string text = line(
      R"({"schema_version":1,"seq":3,"time":"2025-01-31T12:00:00.123456Z","type":"decision","decision_id":"01jk","guest":"agent-1",)"
      R"("layer":"tls","decision":"deny","reason":"rule","policy":"agent","rule":"wiki","place":"a.yaml:3","host":"wiki.acme.example","port":443,"count":4})");
  for (const char* part : {"2025-01-31T12:00:00.123Z", "agent-1", "deny", "tls", "wiki.acme.example:443", "agent/wiki",
                           "rule x4", "01jk"}) {
    CHECK(text.contains(part));
  }
  CHECK(std::ranges::count(text, '\n') == 1);
  CHECK(text.ends_with("01jk\n"));
}

TEST_CASE("every_type_of_record_has_its_line") {
  CHECK(line(R"({"type":"datapath","guest":"a","decision":"deny","reason":"datapath","drop":"spoof_ip","count":9})")
            .contains("datapath: spoof_ip x9"));
  CHECK(line(R"({"type":"event","event":"policy_reload","detail":"generation 2"})").contains("policy_reload"));
  CHECK(
      line(
          R"({"type":"decision","decision":"allow","layer":"http","method":"GET","host":"a.example","port":80,"path":"/x"})")
          .contains("GET a.example:80/x"));
  const std::string push =
      R"({"type":"decision","method":"POST","host":"git.test","port":443,"path":"/a/w/x","action":"git push a/w refs/heads/\u001b"})";
  CHECK(line(push).contains("git push a/w refs/heads/\\x1b on git.test:443"));
  CHECK(line(R"({"type":"decision","decision":"deny","destination":"10.0.0.1","port":22})").contains("10.0.0.1:22"));
  const std::string end =
      R"({"type":"end","host":"a.example","port":443,"bytes_up":5,"bytes_down":6,"duration_ms":7,"outcome":"completed"})";
  CHECK(line(end).empty());  // only when asked for
  CHECK(any_record_line(CapturedTerminal(), end).contains("5 up, 6 down, 7 ms"));
  const std::string verdict = line(
      R"({"type":"review","review_id":"7f","change":"approved","guest":"a","host":"a.example","port":443,"action":"DELETE /x",)"
      R"("policy":"p","rule":"r","by":"eve\u001b","approvals":1,"approvals_needed":2})");
  CHECK(verdict.contains("approved http  DELETE /x on a.example:443"));
  CHECK(verdict.contains(" p/r "));
  CHECK(verdict.contains("by eve\\x1b, 1 of 2 approvals"));
  CHECK(line(R"({"type":"new"})").contains("unknown type"));
}

TEST_CASE("invariant_10_a_hostile_log_file_cannot_write_to_the_terminal") {
  const std::vector<std::string> hostile{
      "{\"type\":\"decision\",\"host\":\"\\u001b]0;owned\\u0007\\nx\",\"decision\":\"\\u009b2J\",\"guest\":\"\\r\"}",
      "{\"type\":\"\\u001b[2J\",\"time\":\"\\u001b[2J\"}",
      "\x1b[2J not json",
      "{\"type\":\"event\",\"event\":\"\\u202e\",\"detail\":[1]}",
      "{\"type\":\"decision\",\"decision_id\":\"\\u001b\",\"policy\":\"\\u0008\",\"rule\":\"\\u0008\",\"layer\":"
      "\"\\t\",\"reason\":\"\\n\"}",
      "[]",
      "",
  };
  for (const std::string& record : hostile) {
    const std::string text = any_record_line(CapturedTerminal(), record);
    CAPTURE(text);
    CHECK(is_printable(text));
    CHECK(std::ranges::count(text, '\n') == 1);
  }
}

TEST_CASE("printable_lines_keeps_lines_and_escapes_the_rest") {
  CHECK(printable_lines("a\\b\nc") == "a\\b\nc");
  CHECK(printable_lines("\x1b[0m\xff") == "\\x1b[0m\\xff");
}

TEST_CASE("durations_and_labels_are_read_and_written") {
  CHECK(parse_duration("45s").value() == std::chrono::seconds(45));
  CHECK(parse_duration("5m").value() == std::chrono::seconds(300));
  CHECK(parse_duration("2h").value() == std::chrono::seconds(7200));
  CHECK(parse_duration("3d").value() == std::chrono::seconds(259200));
  for (const char* text : {"", "5", "m", "-5m", "5 m", "5mm", "99999999999s", "1.5h"})
    CHECK_FALSE(parse_duration(text).has_value());
  CHECK(duration_text(std::chrono::seconds(59)) == "59s");
  CHECK(duration_text(std::chrono::seconds(3700)) == "1h 1m");
  CHECK(duration_text(std::chrono::hours(50)) == "2d 2h");
  CHECK(labels_from({"a=b", "c="}).value() == Labels{{"a", "b"}, {"c", ""}});
  CHECK(labels_text(Labels{{"a", "b"}, {"c", ""}}) == "a=b,c=");
  CHECK_FALSE(labels_from({"a"}).has_value());
  CHECK_FALSE(labels_from({"a=1", "a=2"}).has_value());
}

TEST_CASE("exit_codes_are_an_interface") {
  CHECK(static_cast<int>(exit_code_of(Errc::kInvalid)) == 1);
  CHECK(static_cast<int>(exit_code_of(Errc::kUnavailable)) == 1);
  CHECK(static_cast<int>(exit_code_of(Errc::kIo)) == 1);
  CHECK(static_cast<int>(exit_code_of(Errc::kDenied)) == 4);
  CHECK(static_cast<int>(exit_code_of(Errc::kNotFound)) == 5);
  CHECK(static_cast<int>(exit_code_of(Errc::kTimeout)) == 6);
  CHECK(static_cast<int>(exit_code_of(Errc::kConflict)) == 7);
  CHECK(static_cast<int>(exit_code_of(Errc::kNotLoaded)) == 3);
}
