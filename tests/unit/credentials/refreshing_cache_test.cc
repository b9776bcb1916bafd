// The cache with clocks and fetches that the tests drive: who waits, what is kept, how long, and what is let go.
#include "credentials/refreshing_cache.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <stdexcept>

#include "scratch.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Key = RefreshingCache::Key;

/// A cache, and a source that gives "1", "2", "3" ..., each when the test opens the gate.
class Cached {
 public:
  explicit Cached(std::size_t max_entries = RefreshingCache::kMaxEntries)
      : cache(std::in_place, io, Clocks{[this] { return now; }, [this] { return wall; }}, max_entries) {}

  RefreshingCache::Fetch fetch() {
    return [this](Deadline deadline) -> asio::awaitable<Result<Value>> {
      const std::string text = std::to_string(++fetches);
      const auto life = lives_for;  // as it is when the fetch begins
      patience = deadline.remaining();
      while (!open) {
        asio::steady_timer timer(io, 1ms);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
      }
      if (throws) throw std::runtime_error("S3CR3T-CANARY");
      if (broken) co_return fail(Errc::kUnavailable, "broken");
      Value value{.secret = std::make_shared<const Secret>(*Secret::copy_of(text))};
      if (life) value.expires = wall + *life;
      co_return value;
    };
  }

  /// Begins to ask; the result is there when the loop has turned.
  std::shared_ptr<std::optional<Result<Value>>> ask(const Key& key = {"bot", ""}, const std::string& fingerprint = "",
                                                    std::chrono::nanoseconds deadline = 20s) {
    auto got = std::make_shared<std::optional<Result<Value>>>();
    asio::co_spawn(io, cache->get(key, fingerprint, fetch(), Deadline::after(deadline)),
                   [got](std::exception_ptr error, Result<Value> value) {
                     CHECK(error == nullptr);
                     got->emplace(std::move(value));
                   });
    return got;
  }
  std::string text(const Key& key = {"bot", ""}, const std::string& fingerprint = "") {
    const auto got = ask(key, fingerprint);
    REQUIRE(turn([&] { return got->has_value(); }));
    return said(*got);
  }
  static std::string said(const std::optional<Result<Value>>& value) {
    if (!value) return "nothing";
    return *value ? std::string((*value)->secret->reveal()) : "error: " + value->error().message;
  }
  bool turn(const std::function<bool()>& condition) {
    return eventually([&] {
      io.restart();
      io.poll();
      return condition();
    });
  }
  /// Long enough for whatever has been begun.
  void turn_for_a_while() {
    const Deadline end = Deadline::after(30ms);
    turn([&] { return end.passed(); });
  }
  void pass(std::chrono::nanoseconds time) {
    now += time;
    wall += std::chrono::duration_cast<WallClock::duration>(time);
  }

  asio::io_context io;
  Monotonic::time_point now{1000h};
  WallClock::time_point wall = std::chrono::sys_days(std::chrono::year(2026) / 6 / 1);
  int fetches = 0;
  bool open = true;
  bool broken = false;
  bool throws = false;
  std::optional<std::chrono::seconds> lives_for;
  std::chrono::nanoseconds patience{};
  std::optional<RefreshingCache> cache;
};

}  // namespace

TEST_CASE("fifty_waiters_are_one_fetch") {
  Cached cached;
  cached.open = false;
  std::vector<std::shared_ptr<std::optional<Result<Value>>>> waiters;
  for (int i = 0; i < 50; ++i) waiters.push_back(cached.ask());
  cached.turn_for_a_while();
  for (const auto& got : waiters) CHECK_FALSE(got->has_value());
  cached.open = true;
  CHECK(cached.turn([&] { return std::ranges::all_of(waiters, [](const auto& got) { return got->has_value(); }); }));
  for (const auto& got : waiters) CHECK(Cached::said(*got) == "1");
  CHECK(cached.fetches == 1);
  CHECK(cached.text({"other", ""}) == "2");  // the control: another key is another fetch
  CHECK(cached.patience > 29s);
  CHECK(cached.patience <= RefreshingCache::kPatience);
}

TEST_CASE("who_cannot_wait_gets_an_error_and_the_next_one_the_value") {
  Cached cached;
  cached.open = false;
  const auto brief = cached.ask({"bot", ""}, "", 20ms);
  const auto patient = cached.ask();
  CHECK(cached.turn([&] { return brief->has_value(); }));
  CHECK((**brief).error().code == Errc::kTimeout);
  CHECK_FALSE(patient->has_value());
  cached.open = true;
  CHECK(cached.turn([&] { return patient->has_value(); }));
  CHECK(Cached::said(*patient) == "1");
  CHECK(cached.text() == "1");
}

TEST_CASE("a_value_is_fetched_again_ahead_and_served_meanwhile") {
  for (int i = 0; i < 20; ++i) {  // the moment is drawn
    Cached cached;
    cached.lives_for = 1000s;
    CHECK(cached.text() == "1");
    cached.pass(749s);
    CHECK(cached.text() == "1");
    cached.turn_for_a_while();
    CHECK(cached.fetches == 1);
    cached.pass(101s);
    cached.open = false;
    CHECK(cached.text() == "1");  // and begins a fetch
    CHECK(cached.text() == "1");  // and does not begin a second one
    CHECK(cached.fetches == 2);
    cached.open = true;
    CHECK(cached.turn([&] { return cached.text() == "2"; }));
    CHECK(cached.fetches == 2);
  }
}

TEST_CASE("moments_of_renewal_differ") {
  std::set<int> seen;
  for (int i = 0; i < 30; ++i) {
    Cached cached;
    cached.lives_for = 1000s;
    CHECK(cached.text() == "1");
    int second = 0;
    for (; cached.fetches == 1; second += 10) {
      cached.pass(10s);
      cached.text();
    }
    CHECK(second >= 750);
    CHECK(second <= 860);
    seen.insert(second);
  }
  CHECK(seen.size() > 2);
}

TEST_CASE("a_value_is_never_used_past_its_expiry_by_either_clock") {
  Cached cached;
  cached.lives_for = 100s;
  cached.broken = false;
  CHECK(cached.text() == "1");
  cached.broken = true;  // every renewal fails

  SUBCASE("both") {
    cached.pass(94s);
    CHECK(cached.text() == "1");
    cached.pass(1s);  // a twentieth of its life is given up
    CHECK(cached.text() == "error: broken");
  }
  SUBCASE("the_wall_clock_is_set_ahead") {
    cached.wall += 99s;
    CHECK(cached.text() == "1");
    cached.wall += 1s;
    CHECK(cached.text() == "error: broken");
    CHECK(Cached::said(cached.cache->look({"bot", ""}, "")) == "error: broken");
  }
  SUBCASE("the_wall_clock_is_set_back") {
    cached.wall -= 24h;
    cached.now += 94s;
    CHECK(cached.text() == "1");
    cached.now += 1s;
    CHECK(cached.text() == "error: broken");
  }
}

TEST_CASE("a_life_of_centuries_is_a_day") {
  Cached cached;
  cached.lives_for = 24h * 365 * 170;
  CHECK(cached.text() == "1");
  cached.pass(24h - 11s);
  cached.open = false;
  CHECK(cached.text() == "1");
  cached.open = true;
  cached.broken = true;
  cached.turn_for_a_while();
  cached.pass(1s);
  CHECK(cached.text() == "error: broken");
}

TEST_CASE("a_value_without_expiry_is_used_for_five_minutes") {
  Cached cached;
  CHECK(cached.text() == "1");
  cached.pass(3min);
  CHECK(cached.text() == "1");
  CHECK(cached.fetches == 1);
  cached.pass(2min);
  CHECK(cached.text() == "2");
}

TEST_CASE("a_value_that_had_ended_when_it_came_is_an_error") {
  Cached cached;
  cached.lives_for = 0s;
  CHECK(cached.text() == "error: the value that came has already expired");
  cached.pass(5s);
  cached.lives_for = 1s;
  CHECK(cached.text() == "2");
}

TEST_CASE("after_a_failure_nothing_is_fetched_for_some_seconds") {
  Cached cached;
  cached.broken = true;
  CHECK(cached.text() == "error: broken");
  cached.broken = false;
  for (int i = 0; i < 5; ++i) {
    CHECK(cached.text() == "error: broken");
    cached.pass(999ms);
  }
  CHECK(cached.fetches == 1);
  cached.pass(5ms);
  CHECK(cached.text() == "2");
}

TEST_CASE("what_is_forgotten_on_an_operators_word_is_fetched_at_once") {
  Cached cached;
  cached.broken = true;
  CHECK(cached.text() == "error: broken");
  cached.broken = false;
  CHECK(cached.text() == "error: broken");
  cached.cache->forget("bot");
  CHECK(cached.text() == "2");
}

TEST_CASE("a_renewal_that_fails_is_quiet_too_and_leaves_the_old_value") {
  Cached cached;
  cached.lives_for = 1000s;
  CHECK(cached.text() == "1");
  cached.broken = true;
  cached.pass(860s);
  for (int i = 0; i < 10; ++i) CHECK(cached.text() == "1");
  CHECK(cached.fetches == 2);
  cached.pass(5s);
  CHECK(cached.text() == "1");
  CHECK(cached.fetches == 3);
  CHECK(Cached::said(cached.cache->look({"bot", ""}, "")) == "1");
}

TEST_CASE("a_fetch_that_throws_is_a_failure_without_its_words") {
  Cached cached;
  cached.throws = true;
  const std::string said = cached.text();
  CHECK(said.starts_with("error: "));
  CHECK_FALSE(said.contains("CANARY"));
}

TEST_CASE("what_is_under_way_when_it_is_forgotten_is_not_kept") {
  Cached cached;
  cached.open = false;
  const auto before = cached.ask();
  cached.turn_for_a_while();
  CHECK(cached.fetches == 1);
  cached.cache->forget("bot");
  const auto after = cached.ask();
  cached.turn_for_a_while();
  CHECK(cached.fetches == 2);
  cached.open = true;
  CHECK(cached.turn([&] { return before->has_value() && after->has_value(); }));
  CHECK(Cached::said(*before) == "1");  // who asked before gets what was then
  CHECK(Cached::said(*after) == "2");
  CHECK(cached.text() == "2");
  CHECK(cached.fetches == 2);
}

TEST_CASE("a_fingerprint_that_changes_during_a_fetch_lets_go_of_it_as_well") {
  Cached cached;
  cached.open = false;
  const auto before = cached.ask({"bot", ""}, "one");
  cached.turn_for_a_while();
  const auto after = cached.ask({"bot", ""}, "two");
  cached.turn_for_a_while();
  cached.open = true;
  CHECK(cached.turn([&] { return before->has_value() && after->has_value(); }));
  CHECK(cached.text({"bot", ""}, "two") == "2");
  CHECK_FALSE(cached.cache->look({"bot", ""}, "one").has_value());
  CHECK(cached.text({"bot", ""}, "one") == "3");
}

TEST_CASE("forgetting_a_credential_forgets_all_of_its_parts_and_no_others") {
  Cached cached;
  const std::vector<Key> keys{{"bot", ""}, {"bot", "g1"}, {"bot", "g2"}, {"bo", "t"}, {"bot2", ""}};
  for (const Key& key : keys) cached.text(key);
  CHECK(cached.text({"bot", "g2"}) == "3");
  cached.cache->forget("bot");
  for (const Key& key : keys) {
    CAPTURE(key.credential);
    CAPTURE(key.part);
    CHECK(cached.cache->look(key, "").has_value() == (key.credential != "bot"));
  }
}

TEST_CASE("values_are_bounded_and_the_one_used_longest_ago_goes") {
  Cached cached(10);
  const auto key = [](int i) { return Key{"bot", std::to_string(i)}; };
  for (int i = 0; i < 10; ++i) {
    cached.text(key(i));
    cached.pass(1s);
  }
  CHECK(cached.text(key(0)) == "1");  // used again, so it is not the oldest
  cached.pass(1s);
  cached.text(key(10));
  CHECK(cached.cache->size() == 10);
  CHECK(cached.cache->look(key(0), "").has_value());
  CHECK_FALSE(cached.cache->look(key(1), "").has_value());
  for (int i = 11; i < 500; ++i) cached.text(key(i));
  CHECK(cached.cache->size() == 10);
}

TEST_CASE("values_that_have_ended_do_not_stay_until_there_are_too_many") {
  Cached cached;
  cached.lives_for = 10s;
  for (int i = 0; i < 1000; ++i) {
    cached.text({"bot", std::to_string(i)});
    cached.pass(1s);
  }
  CHECK(cached.cache->size() <= 64);
}

TEST_CASE("more_fetches_at_once_than_there_is_room_for_are_refused") {
  Cached cached(3);
  cached.open = false;
  std::vector<std::shared_ptr<std::optional<Result<Value>>>> waiters;
  for (int i = 0; i < 3; ++i) waiters.push_back(cached.ask({"bot", std::to_string(i)}));
  cached.turn_for_a_while();
  const auto refused = cached.ask({"bot", "3"});
  CHECK(cached.turn([&] { return refused->has_value(); }));
  CHECK((**refused).error().code == Errc::kUnavailable);
  cached.open = true;
  CHECK(cached.turn([&] { return std::ranges::all_of(waiters, [](const auto& got) { return got->has_value(); }); }));
  CHECK(cached.text({"bot", "3"}) == "4");
}

TEST_CASE("a_fetch_may_outlive_the_cache") {
  Cached cached;
  cached.open = false;
  const auto got = cached.ask();
  cached.turn_for_a_while();
  cached.cache.reset();
  cached.open = true;
  CHECK(cached.turn([&] { return got->has_value(); }));
  CHECK(Cached::said(*got) == "1");
}
