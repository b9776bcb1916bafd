// TOML as cargo's configuration has it: every way to write a key, and files that stop to be TOML.
#include "enforcerctl/toml_texts.h"

#include <doctest/doctest.h>

#include <string>

using namespace enforcer::ctl;

namespace {

/// "a.b=text@line ..." and "!line" where it went wrong.
std::string toml_told(std::string_view text) {
  std::string out;
  const TomlTexts texts = read_toml_texts(text);
  for (const TomlText& found : texts.settings) {
    std::string path;
    for (const std::string& part : found.path) path += (path.empty() ? "" : ".") + part;
    out += (out.empty() ? "" : " ") + path + "=" + found.text + "@" + std::to_string(found.line);
  }
  if (texts.wrong_line != 0) out += "!" + std::to_string(texts.wrong_line);
  return out;
}

}  // namespace

TEST_CASE("a_key_of_toml_is_the_same_however_it_is_written") {
  CHECK(toml_told("[a.b]\nc = \"x\"") == "a.b.c=x@2");
  CHECK(toml_told("[a]\nb.c = 'x'") == "a.b.c=x@2");
  CHECK(toml_told("a.b.c='x'\r\n") == "a.b.c=x@1");
  CHECK(toml_told("a = { b = { c = \"x\", d = 3 } } # e") == "a.b.c=x@1 a.b.d=@1");
  CHECK(toml_told("[ \"a\" . 'b' ]\n c\t= \"x\" ") == "a.b.c=x@2");
  CHECK(toml_told("[[a.b]]\nc = \"x\"") == "a.b.c=x@2");
  CHECK(toml_told("a = {}\nb = \"\"") == "b=@2");
}

TEST_CASE("what_is_no_text_of_a_key_is_passed_over") {
  CHECK(toml_told("a = [ \"no\", { k = \"no\" }, # ]\n [1, 2],\n]\nb = \"x\"") == "a=@1 b=x@4");
  CHECK(toml_told("a = \"\"\"\nb = \"no\"\n\\\"\"\"\"\"\"\nc = 'x'") == "a=@1 c=x@4");
  CHECK(toml_told("a = '''\nb = \"no\"\n'''\nc = 'x'") == "a=@1 c=x@4");
  CHECK(toml_told("# a = \"no\"\nb = true\nc = 1979-05-27T07:32:00Z\nd = \"a # b\"") == "b=@2 c=@3 d=a # b@4");
  CHECK(toml_told("a = \"x\\\"y\\\\\"\nb = 'x\\'") == "a=x\\\"y\\\\@1 b=x\\@2");
  CHECK(toml_told("").empty());
}

TEST_CASE("where_a_file_stops_to_be_toml_its_line_is_told") {
  for (const char* text : {"\na", "\na =", "\na = \"x", "\n[a", "\n[a]]", "\na = \"x\" b", "\na = {b = 1", "\n= 1",
                           "\na = [1 2]", "\n[]", "\na. = 1", "\na = \"x\ny\"",
                           "\n[s\xef\xb9\xbf"
                           "ce]"}) {
    CHECK_MESSAGE(toml_told(text).ends_with("!2"), text);
  }
  CHECK(toml_told("a = '''\n\n").ends_with("!3"));
  CHECK(toml_told("a = [\n\n").ends_with("!3"));
  CHECK(toml_told("a = " + std::string(16, '[') + std::string(16, ']')) == "a=@1");
  CHECK(toml_told("a = " + std::string(17, '[') + std::string(17, ']')).ends_with("!1"));
  CHECK(toml_told("a = " + std::string(100'000, '[')).ends_with("!1"));
  CHECK(toml_told(std::string(100'000, '[')).ends_with("!1"));
}
