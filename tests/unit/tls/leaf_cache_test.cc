#include "tls/leaf_cache.h"

#include "guest_side.h"

using namespace enforcer;
using namespace enforcer::tls;
using namespace enforcer::tls::test;
using namespace std::chrono_literals;

TEST_CASE("a_leaf_is_minted_once_a_day") {
  GuestSide side;
  const auto now = WallClock::now();
  const auto first = side.leaves.leaf_for(side.ok, now).value();
  CHECK(side.leaves.leaf_for(side.ok, now + 23h).value() == first);
  CHECK(side.leaves.minted() == 1);
  const auto second = side.leaves.leaf_for(side.ok, now + 24h).value();
  CHECK(second != first);
  CHECK(second->minted_at() == now + 24h);
  CHECK(side.leaves.minted() == 2);
  CHECK(side.leaves.size() == 1);
}

TEST_CASE("a_clock_that_was_set_back_mints_again") {
  GuestSide side;
  const auto now = WallClock::now();
  const auto first = side.leaves.leaf_for(side.ok, now).value();
  CHECK(side.leaves.leaf_for(side.ok, now - 1s).value() != first);
}

TEST_CASE("invariant_10_the_cache_is_bounded_and_forgets_what_was_not_used") {
  GuestSide side;
  const auto now = WallClock::now();
  LeafCache cache(side.authority, LeafKey::make().value(), 3);
  for (const char* name : {"a.test", "b.test", "c.test", "a.test", "d.test"}) REQUIRE(cache.leaf_for(host(name), now));
  CHECK(cache.size() == 3);
  CHECK(cache.minted() == 4);
  CHECK(cache.leaf_for(host("a.test"), now));
  CHECK(cache.minted() == 4);  // used since, so b.test went
  CHECK(cache.leaf_for(host("b.test"), now));
  CHECK(cache.minted() == 5);
  CHECK(cache.size() == 3);
}

TEST_CASE("leaves_of_one_cache_share_a_key_and_differ_in_their_names") {
  GuestSide side;
  const auto one = side.leaves.leaf_for(host("a.test")).value();
  const auto other = side.leaves.leaf_for(host("b.test")).value();
  CHECK(one->key() == other->key());
  CHECK(X509_check_host(one->certificate().get(), "a.test", 0, 0, nullptr) == 1);
  CHECK(X509_check_host(one->certificate().get(), "b.test", 0, 0, nullptr) == 0);
}
