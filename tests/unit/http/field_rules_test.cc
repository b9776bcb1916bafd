#include "http/field_rules.h"

#include <doctest/doctest.h>

#include <chrono>

using namespace enforcer::http;

TEST_CASE("names_are_compared_as_origins_compare_them") {
  CHECK(comparable_name("X_Forwarded-HOST") == "x-forwarded-host");
  CHECK(is_end_to_end("Authorization", {}));
  CHECK(is_end_to_end("Content-Type", {}));
  CHECK_FALSE(is_end_to_end("CONTENT_LENGTH", {}));
  CHECK_FALSE(is_end_to_end("Proxy_Authorization", {}));
  CHECK_FALSE(is_end_to_end("x-forwarded-anything", {}));
  CHECK_FALSE(is_end_to_end("X_Mine", {"x-mine"}));
  for (const std::string_view name :
       {"X-Real-IP", "X_Client_IP", "X-Cluster-Client-IP", "True-Client-IP", "CF-Connecting-IP"}) {
    CAPTURE(name);
    CHECK_FALSE(is_end_to_end(name, {}));
  }
}

TEST_CASE("a_token_list_may_have_empty_members_and_nothing_but_tokens") {
  NameSet names;
  CHECK(add_token_list(" ,Close,,\tX_Mine , ", names));
  CHECK(names == NameSet{"close", "x-mine"});
  for (const char* list : {"a b", "a;b", "\"a\"", "a,b/c", "\xe9"}) CHECK_FALSE(add_token_list(list, names));
}

TEST_CASE("invariant_10_a_connection_field_full_of_names_costs_little") {
  NameSet names;
  std::string list;
  for (int i = 0; i < 15000; ++i) list += "n" + std::to_string(i) + ",";
  const auto start = std::chrono::steady_clock::now();
  CHECK(add_token_list(list, names));
  for (int i = 0; i < 256; ++i) CHECK(is_end_to_end("other", names));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(1));  // quadratic would be minutes
}

TEST_CASE("a_content_length_fits_into_a_number_with_a_sign") {
  CHECK(parse_content_length("9223372036854775807") == 9223372036854775807U);
  for (const std::string_view text :
       {"9223372036854775808", "18446744073709551615", "18446744073709551616", "+1", ""}) {
    CAPTURE(text);
    CHECK_FALSE(parse_content_length(text).has_value());
  }
}
