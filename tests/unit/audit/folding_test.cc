#include "audit/folding.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace enforcer::audit {
namespace {

using namespace std::chrono_literals;

struct Summary {
  DecisionId id;
  std::string tail;
  std::uint64_t count;
};

std::vector<Summary> flush(Folding& folding, Monotonic::time_point now) {
  std::vector<Summary> summaries;
  folding.flush_due(now, [&](const DecisionId& id, std::string_view tail, std::uint64_t count) {
    summaries.push_back({id, std::string(tail), count});
  });
  return summaries;
}

const Monotonic::time_point kStart{100s};

TEST_CASE("the_first_is_not_a_repetition_and_those_within_a_second_are") {
  Folding folding;
  const auto first = DecisionId::make();
  CHECK_FALSE(folding.repeats("a", first, kStart).has_value());
  CHECK(folding.repeats("a", DecisionId::make(), kStart + 1ms) == first);
  CHECK(folding.repeats("a", DecisionId::make(), kStart + 999ms) == first);
  CHECK(flush(folding, kStart + 999ms).empty());

  const auto summaries = flush(folding, kStart + 1s);
  REQUIRE(summaries.size() == 1);
  CHECK(summaries[0].id == first);
  CHECK(summaries[0].tail == "a");
  CHECK(summaries[0].count == 2);
  CHECK_FALSE(folding.next_due().has_value());
  CHECK_FALSE(folding.repeats("a", DecisionId::make(), kStart + 1s).has_value());  // a new second
}

TEST_CASE("what_differs_in_anything_is_not_folded") {
  Folding folding;
  CHECK_FALSE(folding.repeats("guest a, host x", DecisionId::make(), kStart).has_value());
  CHECK_FALSE(folding.repeats("guest b, host x", DecisionId::make(), kStart).has_value());
  CHECK_FALSE(folding.repeats("guest a, host y", DecisionId::make(), kStart).has_value());
}

TEST_CASE("a_denial_without_repetitions_needs_no_summary") {
  Folding folding;
  CHECK_FALSE(folding.repeats("a", DecisionId::make(), kStart).has_value());
  CHECK(folding.next_due() == kStart + 1s);
  CHECK(flush(folding, kStart + 2s).empty());
}

TEST_CASE("windows_end_in_the_order_they_began") {
  Folding folding;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100; ++i) (void)folding.repeats(std::to_string(i), DecisionId::make(), kStart + i * 1ms);
  }
  CHECK(flush(folding, kStart + 1s + 49ms).size() == 50);
  CHECK(folding.next_due() == kStart + 1s + 50ms);
  CHECK(flush(folding, kStart + 5s).size() == 50);
}

TEST_CASE("what_is_open_is_bounded_and_the_rest_is_written_unfolded") {
  Folding folding;
  for (std::size_t i = 0; i < Folding::kMaxOpen; ++i)
    (void)folding.repeats(std::to_string(i), DecisionId::make(), kStart);
  CHECK(folding.repeats("0", DecisionId::make(), kStart).has_value());
  CHECK_FALSE(folding.repeats("new", DecisionId::make(), kStart).has_value());
  CHECK_FALSE(folding.repeats("new", DecisionId::make(), kStart).has_value());
}

}  // namespace
}  // namespace enforcer::audit
