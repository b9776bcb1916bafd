#include "dns/resolver.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>

#include "toy_server.h"

using namespace enforcer;
using namespace enforcer::dns;
using namespace enforcer::dns::test;
using namespace std::chrono_literals;

namespace {

constexpr unsigned kA = 1;
constexpr unsigned kCname = 5;
constexpr unsigned kAaaa = 28;
constexpr unsigned kNxDomain = 0x8183;
constexpr unsigned kServFail = 0x8182;
constexpr unsigned kTruncated = 0x8380;

std::string four(unsigned last) {
  return "\x5d\xb8\xd8" + std::string(1, static_cast<char>(last));
}  // 93.184.216.x
std::string six(unsigned last) {
  return std::string("\x26\x00\x90\x00", 4) + std::string(11, '\0') + static_cast<char>(last);
}

/// An A record for A, an AAAA record for AAAA.
Says both(const Asked& asked, std::uint32_t ttl = 60) {
  if (asked.type == kA) return {.answers = {record(asked.name, kA, ttl, four(1))}};
  return {.answers = {record(asked.name, kAaaa, ttl, six(1))}};
}

struct Outcome {
  Result<Resolution> resolution;
  std::vector<Asked> asked;
  std::chrono::steady_clock::duration took;

  /// "a b ttl" or the kind of failure.
  [[nodiscard]] std::string text() const {
    if (resolution) {
      std::string out;
      for (const auto& address : resolution->addresses) out += address.to_string() + " ";
      return out + std::to_string(resolution->ttl.count());
    }
    switch (resolution.error().code) {
      case Errc::kNotFound:
        return "not found";
      case Errc::kUnavailable:
        return "unavailable";
      case Errc::kTimeout:
        return "timeout";
      default:
        return resolution.error().message;
    }
  }
};

Outcome resolve(std::string_view name, ToyServer::Script script, std::chrono::milliseconds within = 5s) {
  asio::io_context io;
  ToyServer server(io, std::move(script));
  const std::vector<Endpoint> servers = {server.endpoint()};
  auto resolver = Resolver::make(io, servers);
  REQUIRE(resolver.has_value());
  Outcome outcome{.resolution = fail(Errc::kIo, "never ended"), .asked = {}, .took = {}};
  const auto start = std::chrono::steady_clock::now();
  const auto run = [&]() -> asio::awaitable<void> {
    outcome.resolution = co_await (*resolver)->resolve(*HostName::parse(name), Deadline::after(within));
    outcome.took = std::chrono::steady_clock::now() - start;
    server.stop();
    resolver->reset();  // as when a worker stops: nothing of it may run on
  };
  asio::co_spawn(io, run, asio::detached);
  io.run_for(20s);
  outcome.asked = server.asked();
  return outcome;
}

}  // namespace

TEST_CASE("asks_for_both_families_of_exactly_the_name") {
  const auto outcome = resolve("Ok.TEST.", [](const Asked& asked) { return both(asked); });
  CHECK(outcome.text() == "93.184.216.1 2600:9000::1 60");
  REQUIRE(outcome.asked.size() == 2);
  for (const Asked& asked : outcome.asked) CHECK(asked.name == "ok.test");
}

TEST_CASE("invariant_4_a_single_label_is_not_searched_and_no_hosts_file_is_read") {
  const auto outcome = resolve("localhost", [](const Asked&) { return Says{.flags = kNxDomain}; });
  CHECK(outcome.text() == "not found");
  for (const Asked& asked : outcome.asked) CHECK(asked.name == "localhost");
}

TEST_CASE("follows_a_cname_chain_and_takes_the_smallest_ttl") {
  const auto outcome = resolve("www.ok.test", [](const Asked& asked) -> Says {
    const std::string end =
        asked.type == kA ? record("End.cdn.test", kA, 200, four(7)) : record("end.cdn.test", kAaaa, 100, six(7));
    return {.answers = {record("www.ok.test", kCname, 150, wire_name("MID.test")), end,
                        record("mid.test", kCname, 90, wire_name("end.cdn.test"))}};
  });
  CHECK(outcome.text() == "93.184.216.7 2600:9000::7 90");
}

TEST_CASE("ignores_records_that_do_not_belong_to_the_name") {
  const auto outcome = resolve("ok.test", [](const Asked& asked) -> Says {
    if (asked.type == kAaaa) return {.answers = {record("evil.test", kAaaa, 60, six(66))}};
    return {.answers = {record("evil.test", kA, 60, four(66)), record("ok.test", kA, 60, four(1)),
                        record("ok.test.evil.test", kA, 60, four(67)), record("ok.test", kA, 60, "\x01\x02\x03"),
                        record("ok.test", kAaaa, 1, six(68))},
            .additionals = {record("ok.test", kA, 60, four(69))}};
  });
  CHECK(outcome.text() == "93.184.216.1 60");
}

TEST_CASE("an_answer_with_only_foreign_records_has_no_address") {
  const auto outcome =
      resolve("ok.test", [](const Asked&) -> Says { return {.answers = {record("evil.test", kA, 60, four(66))}}; });
  CHECK(outcome.text() == "not found");
}

TEST_CASE("clamps_the_ttl") {
  CHECK(resolve("ok.test", [](const Asked& asked) { return both(asked, 0); }).resolution->ttl == 5s);
  CHECK(resolve("ok.test", [](const Asked& asked) { return both(asked, 86400); }).resolution->ttl == 300s);
  CHECK(resolve("ok.test", [](const Asked& asked) { return both(asked, 0x80000000); }).resolution->ttl == 5s);
}

TEST_CASE("a_name_that_does_not_exist_or_has_no_address_is_not_found") {
  CHECK(resolve("nx.test", [](const Asked&) { return Says{.flags = kNxDomain}; }).text() == "not found");
  CHECK(resolve("empty.test", [](const Asked&) { return Says{}; }).text() == "not found");
  CHECK(resolve("mixed.test", [](const Asked& asked) {
          return asked.type == kA ? Says{} : Says{.flags = kNxDomain};
        }).text() == "not found");
}

TEST_CASE("a_failing_server_is_unavailable_and_never_says_that_a_name_does_not_exist") {
  CHECK(resolve("fail.test", [](const Asked&) { return Says{.flags = kServFail}; }).text() == "unavailable");
  CHECK(resolve("half.test", [](const Asked& asked) {
          return asked.type == kA ? Says{} : Says{.flags = kServFail};
        }).text() == "unavailable");
}

TEST_CASE("one_family_is_enough_when_the_other_fails") {
  CHECK(resolve("ok.test", [](const Asked& asked) {
          return asked.type == kA ? both(asked) : Says{.flags = kServFail};
        }).text() == "93.184.216.1 60");
  CHECK(resolve("ok.test", [](const Asked& asked) { return asked.type == kAaaa ? both(asked) : Says{}; }).text() ==
        "2600:9000::1 60");
}

TEST_CASE("the_deadline_ends_a_lookup_nobody_answers") {
  const auto outcome = resolve("slow.test", [](const Asked&) { return Says{.silent = true}; }, 300ms);
  CHECK(outcome.text() == "timeout");
  CHECK(outcome.took >= 300ms);
  CHECK(outcome.took < 2s);
}

TEST_CASE("at_the_deadline_what_has_come_is_enough") {
  const auto outcome = resolve(
      "slow.test", [](const Asked& asked) { return asked.type == kA ? both(asked) : Says{.silent = true}; }, 100ms);
  CHECK(outcome.text() == "93.184.216.1 5");
}

TEST_CASE("a_family_that_is_never_answered_costs_a_moment_and_is_asked_for_again_soon") {
  for (const unsigned answered : {kA, kAaaa}) {
    const auto outcome = resolve(
        "half.test", [&](const Asked& asked) { return asked.type == answered ? both(asked) : Says{.silent = true}; },
        60s);
    CHECK(outcome.text() == (answered == kA ? "93.184.216.1 5" : "2600:9000::1 5"));
    CHECK(outcome.took >= Resolver::kResolutionDelay);
    CHECK(outcome.took < 20s);
  }
}

TEST_CASE("asks_again_when_a_datagram_was_lost") {
  int dropped = 0;
  const auto outcome =
      resolve("ok.test", [&](const Asked& asked) { return dropped++ < 2 ? Says{.silent = true} : both(asked); }, 10s);
  CHECK(outcome.text() == "93.184.216.1 2600:9000::1 60");
  CHECK(outcome.asked.size() == 4);
}

TEST_CASE("a_truncated_answer_is_asked_again_over_tcp") {
  const auto outcome = resolve("big.test", [](const Asked& asked) -> Says {
    if (asked.type == kAaaa) return {};
    if (!asked.tcp) return {.flags = kTruncated};
    Says says;
    for (unsigned last = 1; last <= 200; ++last) says.answers.push_back(record("big.test", kA, 60, four(last)));
    return says;
  });
  REQUIRE(outcome.resolution.has_value());
  CHECK(outcome.resolution->addresses.size() == 200);
  CHECK(std::ranges::any_of(outcome.asked, &Asked::tcp));
}

TEST_CASE("a_cname_loop_ends") {
  const auto outcome = resolve("a.test", [](const Asked&) -> Says {
    return {.answers = {record("a.test", kCname, 60, wire_name("b.test")),
                        record("b.test", kCname, 60, wire_name("a.test"))}};
  });
  CHECK(outcome.text() == "unavailable");
}

TEST_CASE("malformed_responses_are_failures") {
  for (const std::string& answer :
       {std::string("\xc0"), wire_name("ok.test"), record("ok.test", kA, 60, four(1)).substr(0, 20),
        std::string("\xc0\x1b") + be16(1)}) {
    CHECK(resolve("ok.test", [&](const Asked&) { return Says{.answers = {answer}}; }, 2s).text() == "unavailable");
  }
}

TEST_CASE("a_resolver_destroyed_under_a_lookup_ends_it") {
  asio::io_context io;
  ToyServer server(io, [](const Asked&) { return Says{.silent = true}; });
  const std::vector<Endpoint> servers = {server.endpoint()};
  auto resolver = *Resolver::make(io, servers);
  std::optional<Errc> ended;
  const auto lookup = [&]() -> asio::awaitable<void> {
    const auto resolution = co_await resolver->resolve(*HostName::parse("slow.test"), Deadline::after(10s));
    ended = resolution.error().code;
  };
  asio::co_spawn(io, lookup, asio::detached);
  io.run_for(100ms);
  CHECK_FALSE(ended.has_value());
  resolver.reset();
  server.stop();
  io.restart();
  io.run_for(5s);
  CHECK(ended == Errc::kUnavailable);
}

TEST_CASE("a_lookup_whose_coroutine_is_destroyed_leaves_nothing_behind") {
  auto io = std::make_unique<asio::io_context>();
  auto server = std::make_unique<ToyServer>(*io, [](const Asked&) { return Says{.silent = true}; });
  const std::vector<Endpoint> servers = {server->endpoint()};
  auto resolver = *Resolver::make(*io, servers);
  const auto lookup = [&]() -> asio::awaitable<void> {
    const auto resolution = co_await resolver->resolve(*HostName::parse("slow.test"), Deadline::after(10s));
    FAIL("must not be resumed");
  };
  asio::co_spawn(*io, lookup, asio::detached);
  io->run_for(50ms);
  resolver.reset();
  server.reset();
  io.reset();  // destroys the suspended coroutine
}

TEST_CASE("many_lookups_at_once_do_not_mix") {
  asio::io_context io;
  ToyServer server(io, [](const Asked& asked) -> Says {
    if (asked.type == kAaaa) return {};
    return {.answers = {record(asked.name, kA, 60, four(static_cast<unsigned>(std::stoi(asked.name.substr(1)))))}};
  });
  const std::vector<Endpoint> servers = {server.endpoint()};
  auto resolver = *Resolver::make(io, servers);
  int right = 0;
  int ended = 0;
  const auto lookup = [&](int number) -> asio::awaitable<void> {
    const auto name = *HostName::parse("n" + std::to_string(number) + ".test");
    const auto resolution = co_await resolver->resolve(name, Deadline::after(10s));
    if (resolution && resolution->addresses[0].to_string() == "93.184.216." + std::to_string(number)) ++right;
    if (++ended == 100) server.stop();
  };
  for (int number = 1; number <= 100; ++number) asio::co_spawn(io, lookup(number), asio::detached);
  io.run_for(15s);
  CHECK(right == 100);
}

TEST_CASE("without_servers_those_of_the_host_are_used") {
  asio::io_context io;
  CHECK(Resolver::make(io, {}).has_value());
}
