#include "credentials/command_output.h"

#include <doctest/doctest.h>

using namespace enforcer;
using namespace enforcer::credentials;

namespace {

const WallClock::time_point kNow = std::chrono::sys_days(std::chrono::year(2026) / 6 / 1);

std::string text_of(std::string_view output) {
  const auto value = read_output(output, Shape::kLine, kNow);
  return value ? std::string(value->secret->reveal()) : "error: " + value.error().message;
}

std::int64_t seconds(std::string_view text) {
  const auto time = parse_rfc3339(text);
  return time ? std::chrono::duration_cast<std::chrono::seconds>(time->time_since_epoch()).count() : -1;
}

}  // namespace

TEST_CASE("plain_output_is_the_value") {
  CHECK(text_of("token\n") == "token");
  CHECK(text_of("[1]") == "[1]");
  CHECK_FALSE(read_output("token", Shape::kLine, kNow)->expires.has_value());
  CHECK(text_of("one\ntwo\n") == "error: the value has a line break inside");
}

TEST_CASE("output_that_begins_with_a_brace_is_json") {
  CHECK(text_of(R"({"value": "token"})") == "token");
  CHECK(text_of("{\"Version\": 1, \"value\": \"token\"}\n") == "token");
  const auto value = read_output(R"({"value": "token", "expires": "2026-06-01T01:00:00+01:00"})", Shape::kLine,
                                 kNow - std::chrono::hours(1));
  REQUIRE(value.has_value());
  CHECK(value->expires == kNow);
}

TEST_CASE("json_that_is_broken_is_an_error_without_a_byte_of_it") {
  for (const std::string_view output :
       {R"({"value": "S3CR3T)", R"({"value": "S3CR3T"} x)", R"({S3CR3T})", R"({"value": 1, "x": "S3CR3T"})",
        R"({"token": "S3CR3T"})", R"({"value": "S3CR3T\u0000x"})", R"({"value": ""})",
        R"({"value": "S3CR3T", "expires": 12})", R"({"value": "S3CR3T", "expires": "soon"})",
        R"({"value": "S3CR3T", "expires": "2026-05-31T23:59:59Z"})", R"({"value": "S3CR3T", "expires": null})"}) {
    CAPTURE(output);
    const std::string said = text_of(output);
    CHECK(said.starts_with("error: "));
    CHECK_FALSE(said.contains("S3CR3T"));
  }
  CHECK(text_of(R"({"value": "a\nb"})") == "error: the value has a line break inside");
}

TEST_CASE("times_are_those_of_rfc_3339") {
  CHECK(seconds("1970-01-01T00:00:00Z") == 0);
  CHECK(seconds("2025-01-31T12:00:00Z") == 1738324800);
  CHECK(seconds("2025-01-31t12:00:00z") == 1738324800);
  CHECK(seconds("2025-01-31T12:00:00.123456789Z") == 1738324800);
  CHECK(seconds("2025-01-31T13:30:00+01:30") == 1738324800);
  CHECK(seconds("2025-01-31T04:00:00.5-08:00") == 1738324800);
  CHECK(seconds("2024-02-29T00:00:00Z") > 0);
  for (const std::string_view text :
       {"", "2025-01-31", "2025-01-31 12:00:00Z", "2025-01-31T12:00:00", "2025-01-31T12:00:00.Z",
        "2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "2025-01-31T24:00:00Z", "2025-01-31T12:60:00Z",
        "2025-01-31T12:00:00+1:00", "2025-01-31T12:00:00+24:00", "2025-01-31T12:00:00Zx", "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z", "25-01-31T12:00:00Z", "2025-01-31T12:00Z", "+025-01-31T12:00:00Z"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_rfc3339(text).has_value());
  }
}
