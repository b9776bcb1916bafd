#include "net/byte_budget.h"

#include <doctest/doctest.h>

using enforcer::Monotonic;
using enforcer::net::ByteBudget;
using namespace std::chrono_literals;

TEST_CASE("a_limit_may_be_moved_at_once_and_comes_back_over_the_hour") {
  ByteBudget budget(3600);
  const auto start = Monotonic::now();
  CHECK(budget.left(start));
  CHECK(budget.spend(3599, start));
  CHECK_FALSE(budget.spend(1, start));
  CHECK_FALSE(budget.left(start));
  CHECK(budget.left(start + 1001ms));
  CHECK_FALSE(budget.spend(2, start + 1001ms));
  CHECK(budget.left(start + 3h));
  CHECK(budget.spend(3599, start + 3h));
}

TEST_CASE("a_piece_too_much_is_paid_back_but_not_for_ever") {
  ByteBudget budget(3600);
  const auto start = Monotonic::now();
  CHECK_FALSE(budget.spend(3600 * 1000, start));
  CHECK_FALSE(budget.left(start + 59min));
  CHECK(budget.left(start + 61min));
}

TEST_CASE("unlimited_is_unlimited_and_limits_can_change") {
  ByteBudget budget(std::nullopt);
  const auto start = Monotonic::now();
  for (int i = 0; i < 10; ++i) CHECK(budget.spend(std::uint64_t{1} << 62, start));
  budget.change(10);
  CHECK(budget.spend(9, start));
  CHECK_FALSE(budget.spend(1, start));
  budget.change(0);  // nothing at all, once something was sent
  CHECK_FALSE(budget.spend(1, start + 3h));
}
