#include "audit/json_text.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace enforcer::audit {
namespace {

std::string escaped(std::string_view raw) {
  std::string out;
  append_json_text(out, raw);
  return out;
}

TEST_CASE("plain_text_stays_as_it_is") {
  CHECK(escaped("") == "");
  CHECK(escaped("npm.acme.example/@scope~1/x") == "npm.acme.example/@scope~1/x");
}

TEST_CASE("bytes_outside_printable_ascii_become_hex_once_and_only_once") {
  CHECK(escaped("a\nb") == R"(a\\x0ab)");
  CHECK(escaped("q\"q") == R"(q\"q)");
  CHECK(escaped("\\x0a") == R"(\\x5cx0a)");  // the text \x0a differs from a newline
  CHECK(nlohmann::json::parse("\"" + escaped("a\nb") + "\"") == "a\\x0ab");
}

TEST_CASE("every_single_byte_is_printable_and_parses") {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text = escaped(std::string(1, static_cast<char>(byte)));
    CAPTURE(byte);
    CHECK(text.find_first_of("\n\r\x1b\x7f") == std::string::npos);
    CHECK(nlohmann::json::accept("\"" + text + "\""));
  }
}

TEST_CASE("query_values_are_elided_and_names_stay") {
  CHECK(elide_query("/a/b") == "/a/b");
  CHECK(elide_query("/a?") == "/a?");
  CHECK(elide_query("/a?token=s3cret") == "/a?token=*");
  CHECK(elide_query("/a?x=1&y=2&z=") == "/a?x=*&y=*&z=*");
  CHECK(elide_query("/a?s3cret") == "/a?*");
  CHECK(elide_query("/a?x=1=2?y=3") == "/a?x=*");
  CHECK(elide_query("/a?x=1;s3cret") == "/a?x=*");
  CHECK(elide_query("/a?&&x=1&") == "/a?&&x=*&");
}

}  // namespace
}  // namespace enforcer::audit
