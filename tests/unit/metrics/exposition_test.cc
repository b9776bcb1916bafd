#include "metrics/exposition.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "sample.h"

namespace enforcer::metrics {
namespace {

using namespace std::chrono_literals;
using policy::Action;
using policy::Layer;
using policy::Reason;

const Monotonic::time_point kStart{1000s};

GuestName name(std::string_view text) {
  return *GuestName::parse(text);
}

policy::RuleInfo deny_rule(std::string text) {
  return {.policy = "agents", .rule = std::move(text), .place = "p.yaml:1", .action = Action::kDeny, .note = ""};
}

std::string render(Exposition& exposition, std::initializer_list<const WorkerMetrics*> workers = {},
                   const Gauges& gauges = {}) {
  std::vector<WorkerCounts> counts;
  for (const WorkerMetrics* worker : workers) counts.push_back(worker->snapshot());
  return exposition.render(counts, gauges);
}

TEST_CASE("denials_of_all_workers_add_up_by_guest_policy_rule_and_reason") {
  Exposition exposition("1.2.3", 100);
  const GuestSeries alpha = exposition.guest_attached(Slot{1}, name("alpha"));
  WorkerMetrics one;
  WorkerMetrics two;
  const auto other = deny_rule("other-first");
  const auto evil = deny_rule("evil");
  one.decision(alpha, Layer::kTls, denied_by(evil));
  two.decision(alpha, Layer::kTls, denied_by(other));  // so that the rules' indexes differ between the workers
  two.decision(alpha, Layer::kTls, denied_by(evil));
  two.decision(alpha, Layer::kTls, {.action = Action::kDeny, .reason = Reason::kNoRule, .would = {}});
  const std::string text = render(exposition, {&one, &two});
  CHECK(sample(text, R"(enforcer_denied_total{guest="alpha",policy="agents",rule="evil",reason="rule"})") == "2");
  CHECK(sample(text, R"(enforcer_denied_total{guest="alpha",policy="agents",rule="other-first",reason="rule"})") ==
        "1");
  CHECK(sample(text, R"(enforcer_denied_total{guest="alpha",policy="",rule="",reason="name"})") == "1");
  CHECK(sample(text, R"(enforcer_rule_hits_total{policy="agents",rule="evil",action="deny"})") == "2");
  CHECK(sample(text, R"(enforcer_decisions_total{layer="tls",decision="deny",reason="rule"})") == "3");
}

TEST_CASE("held_requests_are_shown_with_what_became_of_them") {
  Exposition exposition("1", 100);
  const std::string none = render(exposition);
  CHECK(sample(none, "enforcer_review_pending") == "0");
  CHECK(sample(none, "enforcer_review_oldest_pending_timestamp_seconds") == "0");
  for (const char* outcome : {"approved", "rejected", "expired", "withdrawn"}) {
    CHECK(sample(none, std::string("enforcer_review_decisions_total{outcome=\"") + outcome + "\"}") == "0");
  }
  CHECK(sample(none, "enforcer_review_wait_seconds_count") == "0");
  CHECK(sample(none, "enforcer_review_notify_failures_total") == "0");

  Gauges gauges;
  gauges.review = {
      .pending = 2, .oldest = WallClock::time_point(1500s), .outcomes = {4, 3, 2, 1}, .notify_failures = 5};
  gauges.review.wait.observe(61s);
  const std::string text = render(exposition, {}, gauges);
  CHECK(sample(text, "enforcer_review_pending") == "2");
  CHECK(sample(text, "enforcer_review_oldest_pending_timestamp_seconds") == "1500");
  CHECK(sample(text, R"(enforcer_review_decisions_total{outcome="approved"})") == "4");
  CHECK(sample(text, R"(enforcer_review_decisions_total{outcome="withdrawn"})") == "1");
  CHECK(sample(text, R"(enforcer_review_wait_seconds_bucket{le="60"})") == "0");
  CHECK(sample(text, R"(enforcer_review_wait_seconds_bucket{le="120"})") == "1");
  CHECK(sample(text, R"(enforcer_review_wait_seconds_bucket{le="3600"})") == "1");
  CHECK(sample(text, R"(enforcer_review_wait_seconds_bucket{le="+Inf"})") == "1");
  CHECK(sample(text, "enforcer_review_wait_seconds_sum") == "61");
  CHECK(sample(text, "enforcer_review_notify_failures_total") == "5");
}

TEST_CASE("deny_rules_and_the_default_reason_are_there_at_zero_from_the_start") {
  Exposition exposition("1", 100);
  const auto evil = deny_rule("evil");
  const policy::RuleInfo* rules[] = {&evil};
  exposition.set_deny_rules(rules);
  CHECK(series_count(render(exposition), "enforcer_denied_total{") == 0);
  exposition.guest_attached(Slot{1}, name("alpha"));
  const std::string text = render(exposition);
  CHECK(sample(text, R"(enforcer_denied_total{guest="alpha",policy="agents",rule="evil",reason="rule"})") == "0");
  CHECK(sample(text, R"(enforcer_denied_total{guest="alpha",policy="",rule="",reason="name"})") == "0");
  CHECK(series_count(text, "enforcer_denied_total{") == 2);
  exposition.set_deny_rules({});
  CHECK(series_count(render(exposition), "enforcer_denied_total{") == 1);
}

TEST_CASE("invariant_10_series_per_guest_are_capped_and_no_counter_ever_falls") {
  Exposition exposition("1", 5);
  const GuestSeries alpha = exposition.guest_attached(Slot{1}, name("alpha"));
  WorkerMetrics one(5);
  WorkerMetrics two(5);
  std::vector<policy::RuleInfo> rules;
  for (int i = 0; i < 20; ++i) rules.push_back(deny_rule("r" + std::to_string(i)));
  const auto other = R"(enforcer_denied_total{guest="alpha",policy="",rule="other",reason="rule"})";
  // Each worker has room for another five rules; the guest has room for five in all.
  for (int i = 0; i < 5; ++i) one.decision(alpha, Layer::kTls, denied_by(rules[i]));
  for (int i = 5; i < 20; ++i) two.decision(alpha, Layer::kTls, denied_by(rules[i]));
  std::string text = render(exposition, {&one, &two});
  CHECK(series_count(text, "enforcer_denied_total{") == 6);
  CHECK(sample(text, other) == "15");
  for (int i = 0; i < 20; ++i) two.decision(alpha, Layer::kTls, denied_by(rules[i]));
  text = render(exposition, {&two, &one});  // in another order, too
  CHECK(series_count(text, "enforcer_denied_total{") == 6);
  CHECK(sample(text, R"(enforcer_denied_total{guest="alpha",policy="agents",rule="r0",reason="rule"})") == "1");
  CHECK(sample(text, other) == "35");
}

TEST_CASE("a_guest_that_left_is_shown_for_ten_minutes") {
  Exposition exposition("1", 100);
  const GuestSeries alpha = exposition.guest_attached(Slot{1}, name("alpha"));
  WorkerMetrics worker;
  const auto evil = deny_rule("evil");
  worker.decision(alpha, Layer::kTls, denied_by(evil));
  exposition.guest_left(Slot{1}, kStart);
  CHECK(exposition.expire(kStart + 9min).empty());
  CHECK(series_count(render(exposition, {&worker}), R"(enforcer_denied_total{guest="alpha")") == 1);
  const auto gone = exposition.expire(kStart + 10min);
  REQUIRE(gone.size() == 1);
  CHECK(gone[0] == alpha);
  CHECK(series_count(render(exposition, {&worker}), "enforcer_denied_total{") == 0);
  worker.forget(gone);
  CHECK(worker.snapshot().denied.empty());
  CHECK(exposition.guest_attached(Slot{2}, name("alpha")) != alpha);
}

TEST_CASE("a_guest_that_comes_back_in_time_goes_on_counting") {
  Exposition exposition("1", 100);
  const GuestSeries before = exposition.guest_attached(Slot{1}, name("alpha"));
  exposition.guest_left(Slot{1}, kStart);
  CHECK(exposition.guest_attached(Slot{2}, name("alpha")) == before);
  CHECK(exposition.expire(kStart + 1h).empty());
}

TEST_CASE("guests_that_run_named_by_itself_share_one_label") {
  Exposition exposition("1", 100);
  const GuestSeries first = exposition.guest_attached(Slot{1}, name("run-x7k2"));
  const GuestSeries second = exposition.guest_attached(Slot{2}, name("run-m3p9"));
  CHECK(first == second);
  CHECK(exposition.guest_attached(Slot{3}, name("runner")) != first);
  exposition.guest_left(Slot{1}, kStart);
  CHECK(exposition.expire(kStart + 1h).empty());  // the other one is still there
  CHECK(series_count(render(exposition), R"(enforcer_denied_total{guest="run")") == 1);
  CHECK(series_count(render(exposition), R"(enforcer_denied_total{guest="run-)") == 0);
}

TEST_CASE("datapath_counts_of_guests_that_left_stay_in_the_totals") {
  Exposition exposition("1", 100);
  exposition.guest_attached(Slot{1}, name("run-a"));
  exposition.guest_attached(Slot{2}, name("run-b"));
  enforcer_counters counters{};
  counters.drops[ENFORCER_DROP_ICMP] = 3;
  counters.verdicts[ENFORCER_VERDICT_DROPPED] = 3;
  counters.verdicts[ENFORCER_VERDICT_STEERED] = 10;
  exposition.datapath(Slot{1}, counters);
  exposition.datapath(Slot{1}, counters);  // absolute: twice the same is once
  exposition.datapath(Slot{2}, counters);
  exposition.datapath(Slot{77}, counters);  // nobody's: not attached
  enforcer_counters nobody{};
  nobody.drops[ENFORCER_DROP_UNKNOWN_GUEST] = 2;
  exposition.datapath(Slot{0}, nobody);
  exposition.guest_left(Slot{1}, kStart);
  std::string text = render(exposition);
  CHECK(sample(text, R"(enforcer_datapath_drops_total{guest="run",reason="icmp"})") == "6");
  CHECK(sample(text, R"(enforcer_datapath_drops_total{guest="",reason="unknown_guest"})") == "2");
  CHECK(sample(text, R"(enforcer_datapath_drops_total{guest="",reason="map_fail"})") == "0");
  CHECK(sample(text, R"(enforcer_datapath_packets_total{verdict="steered"})") == "20");
  exposition.guest_left(Slot{2}, kStart);
  (void)exposition.expire(kStart + 1h);
  text = render(exposition);
  CHECK_FALSE(sample(text, R"(enforcer_datapath_drops_total{guest="run",reason="icmp"})").has_value());
  CHECK(sample(text, R"(enforcer_datapath_packets_total{verdict="dropped"})") == "6");
}

TEST_CASE("the_state_of_the_daemon_is_shown") {
  Exposition exposition("1.2.3", 100);
  exposition.policy_applied(3ms);
  const Gauges gauges{.hostd = Gauges::Component::kUp,
                      .guests_running = 4,
                      .guests_paused = 1,
                      .policy_generation = 7,
                      .last_reload = Gauges::Reload::kFailed,
                      .last_reload_success = WallClock::time_point(1'738'324'800s),
                      .audit_events = 12,
                      .audit_write_errors = 1,
                      .audit_copy_errors = 3,
                      .maps = {{.name = "guests", .entries = 4, .capacity = 4096}}};
  const std::string text = render(exposition, {}, gauges);
  CHECK(sample(text, R"(enforcer_build_info{version="1.2.3"})") == "1");
  CHECK(sample(text, R"(enforcer_component_up{component="enforcerd"})") == "1");
  CHECK(sample(text, R"(enforcer_component_up{component="hostd"})") == "1");
  CHECK(sample(text, R"(enforcer_component_up{component="datapath"})") == "0");
  CHECK(sample(text, R"(enforcer_guests{state="running"})") == "4");
  CHECK(sample(text, R"(enforcer_guests{state="paused"})") == "1");
  CHECK(sample(text, "enforcer_policy_generation") == "7");
  CHECK(sample(text, "enforcer_policy_last_reload_successful") == "0");
  CHECK(sample(text, "enforcer_policy_last_reload_success_timestamp_seconds") == "1738324800");
  CHECK(sample(text, R"(enforcer_policy_apply_duration_seconds_bucket{le="0.0025"})") == "0");
  CHECK(sample(text, R"(enforcer_policy_apply_duration_seconds_bucket{le="0.005"})") == "1");
  CHECK(sample(text, "enforcer_audit_events_total") == "12");
  CHECK(sample(text, "enforcer_audit_write_errors_total") == "1");
  CHECK(sample(text, "enforcer_audit_copy_errors_total") == "3");
  CHECK(sample(text, R"(enforcer_datapath_map_entries{map="guests"})") == "4");
  CHECK(sample(text, R"(enforcer_datapath_map_capacity{map="guests"})") == "4096");
}

TEST_CASE("traffic_and_durations_are_shown") {
  Exposition exposition("1", 100);
  WorkerMetrics one;
  WorkerMetrics two;
  one.transferred(Direction::kEgress, 100);
  two.transferred(Direction::kEgress, 5'000'000'000);
  one.connection_opened();
  one.connection_classified(Protocol::kHttp);
  two.connection_opened();
  two.connection_closed(Protocol::kPending, ConnectionResult::kTimeout);
  two.dns_query(Action::kDeny, 3);
  one.overhead(Stage::kDecide, 60us);
  two.overhead(Stage::kDecide, 2s);
  one.origin_connected(20ms);
  one.origin_error(OriginError::kAddress);
  const std::string text = render(exposition, {&one, &two});
  CHECK(sample(text, R"(enforcer_transferred_bytes_total{direction="egress"})") == "5000000100");
  CHECK(sample(text, R"(enforcer_connections_active{protocol="http"})") == "1");
  CHECK(sample(text, R"(enforcer_connections_total{protocol="pending",result="timeout"})") == "1");
  CHECK(sample(text, R"(enforcer_dns_queries_total{decision="deny",rcode="nxdomain"})") == "1");
  CHECK(sample(text, R"(enforcer_overhead_duration_seconds_bucket{stage="decide",le="5e-05"})") == "0");
  CHECK(sample(text, R"(enforcer_overhead_duration_seconds_bucket{stage="decide",le="0.0001"})") == "1");
  CHECK(sample(text, R"(enforcer_overhead_duration_seconds_bucket{stage="decide",le="1"})") == "1");
  CHECK(sample(text, R"(enforcer_overhead_duration_seconds_count{stage="decide"})") == "2");
  CHECK(sample(text, "enforcer_origin_connect_duration_seconds_count") == "1");
  CHECK(sample(text, R"(enforcer_origin_errors_total{reason="address"})") == "1");
}

TEST_CASE("interception_is_shown") {
  Exposition exposition("1", 100);
  WorkerMetrics one;
  WorkerMetrics two;
  std::string text = render(exposition, {&one, &two});
  CHECK(sample(text, R"(enforcer_http_responses_total{code="200"})") == "0");
  CHECK(series_count(text, "enforcer_http_responses_total{") == 2);
  CHECK(sample(text, "enforcer_tls_certificates_issued_total") == "0");
  one.http_response(403);
  two.http_response(403);
  two.http_response(418);
  one.tls_handshake(TlsSide::kGuest, 3ms);
  two.tls_handshake(TlsSide::kGuest, 3ms);
  one.certificate_issued();
  two.certificate_issued();
  text = render(exposition, {&one, &two});
  CHECK(sample(text, R"(enforcer_http_responses_total{code="403"})") == "2");
  CHECK(sample(text, R"(enforcer_http_responses_total{code="other"})") == "1");
  CHECK(sample(text, R"(enforcer_tls_handshake_duration_seconds_bucket{side="guest",le="0.0025"})") == "0");
  CHECK(sample(text, R"(enforcer_tls_handshake_duration_seconds_bucket{side="guest",le="0.005"})") == "2");
  CHECK(sample(text, R"(enforcer_tls_handshake_duration_seconds_count{side="origin"})") == "0");
  CHECK(sample(text, "enforcer_tls_certificates_issued_total") == "2");
}

TEST_CASE("only_loaded_credentials_have_series_and_one_that_comes_back_goes_on_counting") {
  Exposition exposition("1", 100);
  WorkerMetrics one;
  WorkerMetrics two;
  const auto github = R"(enforcer_credential_injections_total{credential="github",result="injected"})";
  const auto count = [&] { return series_count(render(exposition, {&one, &two}), "enforcer_credential_injections_"); };
  exposition.set_credentials({"github", "npm"});
  CHECK(count() == 6);
  CHECK(sample(render(exposition, {&one, &two}), github) == "0");
  one.credential_injected("github", InjectionResult::kInjected);
  two.credential_injected("github", InjectionResult::kInjected);
  two.credential_injected("npm", InjectionResult::kDenied);
  CHECK(sample(render(exposition, {&one, &two}), github) == "2");
  exposition.set_credentials({"npm"});
  CHECK(count() == 3);
  CHECK_FALSE(sample(render(exposition, {&one, &two}), github).has_value());
  exposition.set_credentials({"github"});
  one.credential_injected("github", InjectionResult::kInjected);
  CHECK(sample(render(exposition, {&one, &two}), github) == "3");
  CHECK(count() == 3);
}

TEST_CASE("leaks_and_strayed_placeholders_are_counted_by_credential") {
  Exposition exposition("1", 100);
  WorkerMetrics one;
  WorkerMetrics two;
  exposition.set_credentials({"github", "npm"});
  one.secret_leak_blocked("github");
  two.secret_leak_blocked("github");
  two.placeholder_strayed("npm");
  const std::string text = render(exposition, {&one, &two});
  CHECK(sample(text, R"(enforcer_secret_leaks_blocked_total{credential="github"})") == "2");
  CHECK(sample(text, R"(enforcer_secret_leaks_blocked_total{credential="npm"})") == "0");
  CHECK(sample(text, R"(enforcer_placeholders_strayed_total{credential="github"})") == "0");
  CHECK(sample(text, R"(enforcer_placeholders_strayed_total{credential="npm"})") == "1");
}

TEST_CASE("the_end_of_a_credential_is_shown_where_it_has_one") {
  Exposition exposition("1", 100);
  exposition.set_credentials({"aws", "github"});
  CHECK(series_count(render(exposition), "enforcer_credential_expiry_timestamp_seconds{") == 0);
  const Gauges gauges{.credential_ends = {{.credential = "aws", .time = WallClock::time_point(1'900'000'000s)}}};
  const std::string text = render(exposition, {}, gauges);
  CHECK(sample(text, R"(enforcer_credential_expiry_timestamp_seconds{credential="aws"})") == "1900000000");
  CHECK(series_count(text, "enforcer_credential_expiry_timestamp_seconds{") == 1);
}

TEST_CASE("injections_of_credentials_beyond_the_cap_are_shown_as_other") {
  Exposition exposition("1", 100);
  WorkerMetrics worker;
  for (std::size_t i = 0; i <= kMaxCredentials; ++i) {
    worker.credential_injected("c" + std::to_string(i), InjectionResult::kInjected);
  }
  CHECK(sample(render(exposition, {&worker}),
               R"(enforcer_credential_injections_total{credential="other",result="injected"})") == "1");
}

TEST_CASE("promtool_has_nothing_to_say") {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    std::printf("SKIP: metrics: promtool is not installed (package prometheus)\n");
    return;
  }
  Exposition exposition("1.2.3", 100);
  const GuestSeries alpha = exposition.guest_attached(Slot{1}, name("alpha"));
  WorkerMetrics worker;
  const auto evil = deny_rule("evil");
  worker.decision(alpha, Layer::kTls, denied_by(evil));
  worker.http_response(200);
  worker.tls_handshake(TlsSide::kOrigin, 1ms);
  exposition.set_credentials({"github"});
  enforcer_counters counters{};
  counters.drops[ENFORCER_DROP_ICMP] = 3;
  exposition.datapath(Slot{1}, counters);
  const std::string text = render(
      exposition, {&worker},
      {.maps = {{.name = "guests", .entries = 1, .capacity = 4096}}, .credential_ends = {{.credential = "aws"}}});

  FILE* promtool = popen("promtool check metrics 2>&1", "w");
  REQUIRE(promtool != nullptr);
  CHECK(fwrite(text.data(), 1, text.size(), promtool) == text.size());
  CHECK(pclose(promtool) == 0);
}

}  // namespace
}  // namespace enforcer::metrics
