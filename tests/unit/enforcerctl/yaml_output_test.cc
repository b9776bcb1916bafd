// -o yaml: the same as -o json, in another dress.
#include <doctest/doctest.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "captured_terminal.h"
#include "enforcerctl/yaml_text.h"

using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;
using nlohmann::json;

TEST_CASE("json_is_written_as_blocks_of_yaml") {
  CHECK(yaml_document(json::parse(R"({"a":1,"b":["x",2],"c":{"d":true,"e":[]},"f":[{"g":null,"h":{}}]})")) ==
        "a: 1\nb:\n  - x\n  - 2\nc:\n  d: true\n  e: []\nf:\n  - g: null\n    h: {}\n");
  CHECK(yaml_document(json::parse(R"([[1,2],[]])")) == "- - 1\n  - 2\n- []\n");
  CHECK(yaml_document(json(3)) == "3\n");
  CHECK(yaml_document(json::object()) == "{}\n");
}

TEST_CASE("text_stays_text_in_yaml") {
  for (const char* text : {"yes",        "No",       "NULL",   "~",           "1.5",
                           "0x10",       "",         " ",      "- a",         "a: b",
                           "#",          "a #b",     "'",      "\"",          "\\",
                           "a\nb",       "\x1b[31m", "\u202e", "\U0001F600!", "\\\\ud83d\\ude00",
                           "2026-01-01", ".inf",     "nan",    "key",         "/a/b.c-d_e"}) {
    CAPTURE(text);
    const std::string written = yaml_document(json{{"k", text}});
    for (const char c : written) CHECK((c == '\n' || (c >= 0x20 && c < 0x7f)));
    const YAML::Node read = YAML::Load(written);
    CHECK(read["k"].as<std::string>() == text);
    // Quoted, or a word that nobody takes for something else.
    CHECK((read["k"].Tag() == "!" || std::string_view("key /a/b.c-d_e").contains(text)));
    CHECK(YAML::Load(yaml_document(json{{text, 1}}))[text].as<int>() == 1);
  }
}

TEST_CASE("verbs_answer_in_yaml") {
  const Ran ran = run({"version", "-o", "yaml", "--socket", "/nonexistent/s"});
  CHECK(ran.status == 0);
  CHECK(ran.out.starts_with("---\n"));
  CHECK(YAML::Load(ran.out)["tool"].as<std::string>() == tool_version());
  const Ran down = run({"status", "-o", "yaml", "--socket", "/nonexistent/s"});
  CHECK(down.status == 3);
  CHECK_FALSE(YAML::Load(down.out)["running"].as<bool>());
}
