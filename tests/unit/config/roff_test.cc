// Text of manual pages.
#include "config/roff.h"

#include <doctest/doctest.h>

using namespace enforcer::config;

TEST_CASE("roff_shows_text_as_it_is") {
  CHECK(roff_text(".so /etc/passwd") == "\\&.so /etc/passwd");
  CHECK(roff_text("'x'") == "\\&\\(aqx\\(aq");
  CHECK(roff_text("a\n.b") == "a\n\\&.b");
  CHECK(roff_text("a\\fBb --c") == "a\\efBb \\-\\-c");
  CHECK(roff_text("REF…") == "REF...");
}

TEST_CASE("roff_makes_bold_what_stands_between_backticks") {
  CHECK(roff_marked("a `b-c` d") == "a \\fBb\\-c\\fR d");
  CHECK(roff_marked("`.so`, `x`") == "\\fB\\&.so\\fR, \\fBx\\fR");
  CHECK(roff_marked("it's") == roff_text("it's"));
  CHECK(roff_text("`a`") == "`a`");
}

TEST_CASE("head_of_a_page_has_its_name_in_capitals_and_no_date") {
  CHECK(roff_head({.name = "enforcer-policy", .section = 5, .version = "1.2", .summary = "where"}) ==
        ".TH ENFORCER\\-POLICY 5 \"\" \"Enforcer 1.2\"\n.SH NAME\nenforcer\\-policy \\- where\n");
}
