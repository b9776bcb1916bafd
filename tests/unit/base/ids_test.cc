#include "base/ids.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

TEST_CASE("decision_ids_are_unique_and_sort_by_time") {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(std::string(enforcer::DecisionId::make().text()));
  CHECK(seen.size() == 10'000);
  CHECK(seen.begin()->size() == 26);
  CHECK(seen.begin()->substr(0, 6) == seen.rbegin()->substr(0, 6));  // 2^20 ms: the time is in front
  // Behind the time each of 16 digits is each of the 32 there are about as often: 312 times, give or take 7 * 17.
  for (std::size_t place = 10; place < 26; ++place) {
    CAPTURE(place);
    for (const char digit : std::string_view("0123456789abcdefghjkmnpqrstvwxyz")) {
      const auto count = std::ranges::count_if(seen, [&](const std::string& id) { return id[place] == digit; });
      CHECK(count > 312 - 7 * 17);
      CHECK(count < 312 + 7 * 17);
    }
  }
}

TEST_CASE("guest_names_are_labels_and_folder_names_at_once") {
  for (const char* good : {"a", "agent-7", "0", "run-ab12"}) CHECK(enforcer::GuestName::parse(good).has_value());
  for (const char* bad :
       {"", "-a", "a-", "A", "a_b", "a/b", "..", "a b", "\xc3\xa4", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    CAPTURE(bad);
    CHECK_FALSE(enforcer::GuestName::parse(bad).has_value());
  }
}

TEST_CASE("an_epoch_reads_back_as_it_was_written") {
  const enforcer::Epoch epoch = enforcer::random_epoch();
  CHECK(enforcer::parse_epoch(to_string(epoch)).value() == epoch);
  CHECK_FALSE(enforcer::parse_epoch("123").has_value());
  CHECK_FALSE(enforcer::parse_epoch("000000000000000g").has_value());
}
