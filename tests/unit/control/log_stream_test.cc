#include "control/log_stream.h"

#include <doctest/doctest.h>

#include "control/json.h"
#include "fake_daemon.h"

using namespace enforcer;
using namespace enforcer::control;
using namespace enforcer::control::testing;

namespace {

std::string record(int seq, std::string_view decision) {
  return R"({"schema_version":1,"seq":)" + std::to_string(seq) +
         R"(,"time":"2025-01-31T12:00:00.000000Z","type":"decision","decision_id":"01","guest":"a","epoch":"0000000000000001",)"
         R"("layer":"tls","decision":")" +
         std::string(decision) + R"(","reason":"name","generation":1,"host":"x.example"})";
}

void append(const FakeDaemon& daemon, const std::string& line) {
  std::ofstream(daemon.shared.audit_path, std::ios::app) << line << "\n";
}

std::vector<std::string> read_log(const FakeDaemon& daemon, std::string_view query) {
  std::vector<std::string> lines;
  const auto done = daemon.client().stream("/v1/log?" + std::string(query), Deadline::after(std::chrono::seconds(10)),
                                           [&](std::string_view line) {
                                             lines.emplace_back(line);
                                             return Wants::kMore;
                                           });
  REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message));
  return lines;
}

Error refused(const FakeDaemon& daemon, std::string_view query) {
  const auto done = daemon.client().stream("/v1/log?" + std::string(query), Deadline::after(std::chrono::seconds(10)),
                                           [](std::string_view) { return Wants::kMore; });
  REQUIRE_FALSE(done.has_value());
  return done.error();
}

}  // namespace

TEST_CASE("streams_the_records_that_match_and_ends") {
  FakeDaemon daemon;
  append(daemon, record(1, "allow"));
  append(daemon, record(2, "deny"));
  append(daemon, record(3, "deny"));
  CHECK(read_log(daemon, "follow=0") == std::vector{record(1, "allow"), record(2, "deny"), record(3, "deny")});
  CHECK(read_log(daemon, "decision=deny") == std::vector{record(2, "deny"), record(3, "deny")});
  CHECK(read_log(daemon, "decision=deny,allow&last=1") == std::vector{record(3, "deny")});
  CHECK(read_log(daemon, "guest=b").empty());
  CHECK(read_log(daemon, "reason=name").size() == 3);
  CHECK(read_log(daemon, "reason=port").empty());
  const std::string asked = R"({"schema_version":1,"seq":4,"time":"2025-01-31T12:00:00.000000Z","type":"review"})";
  append(daemon, asked);
  CHECK(read_log(daemon, "type=review") == std::vector{asked});
}

TEST_CASE("refuses_filters_it_does_not_know") {
  FakeDaemon daemon;
  append(daemon, record(1, "allow"));
  for (const std::string query : {"color=red", "decision=perhaps", "last=0", "last=x", "layer=l7", "type=x",
                                  "since=now", "follow=yes", "guest=A", "reason=nmae"}) {
    CAPTURE(query);
    CHECK(refused(daemon, query).code == Errc::kInvalid);
  }
  CHECK(read_log(daemon, "last=1&layer=tls&type=decision&follow=0&since=2020-01-01T00:00:00.000Z").size() == 1);
}

TEST_CASE("says_that_there_is_no_log") {
  FakeDaemon daemon;
  CHECK(refused(daemon, "").code == Errc::kNotFound);
}

TEST_CASE("follow_sends_what_comes_and_stops_when_the_client_goes") {
  FakeDaemon daemon([](ServerOptions& options) { options.max_connections = 1; });
  append(daemon, record(1, "allow"));
  int seen = 0;
  const auto done =
      daemon.client().stream("/v1/log?follow=1", Deadline::after(std::chrono::seconds(10)), [&](std::string_view line) {
        ++seen;
        CHECK(line == record(seen, seen == 1 ? "allow" : "deny"));
        if (seen == 1) append(daemon, record(2, "deny"));
        return seen == 2 ? Wants::kNoMore : Wants::kMore;
      });
  CHECK(done.has_value());
  CHECK(seen == 2);
  // The one connection there is comes back, so the stream was cancelled although no record comes any more.
  CHECK(eventually([&] {
    const auto reply = daemon.client().request("GET", "/v1/version", {}, Deadline::after(std::chrono::seconds(10)));
    return reply && reply->status == 200;
  }));
}

TEST_CASE("stopping_the_server_ends_a_follower") {
  FakeDaemon daemon;
  append(daemon, record(1, "allow"));
  std::thread stopper;
  const auto done =
      daemon.client().stream("/v1/log?follow=1", Deadline::after(std::chrono::seconds(10)), [&](std::string_view) {
        stopper = std::thread([&] { daemon.stop(); });
        return Wants::kMore;
      });
  stopper.join();
  CHECK((done.has_value() || done.error().code == Errc::kIo));  // and it came back at all
}
