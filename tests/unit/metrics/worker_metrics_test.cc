#include "metrics/worker_metrics.h"

#include <doctest/doctest.h>

#include <memory>
#include <new>

#include "sample.h"

namespace enforcer::metrics {
namespace {

using policy::Action;
using policy::Decision;
using policy::Layer;
using policy::Reason;

constexpr GuestSeries kAlpha{1};
constexpr GuestSeries kBeta{2};

policy::RuleInfo rule(std::string name, Action action = Action::kDeny) {
  return {.policy = "p", .rule = std::move(name), .place = "p.yaml:1", .action = action, .note = ""};
}

std::uint64_t denied(const WorkerCounts& counts, GuestSeries guest, std::string_view name, Reason reason) {
  std::uint64_t total = 0;
  for (const auto& cell : counts.denied) {
    if (cell.guest == guest && counts.rules[cell.rule].rule == name && cell.reason == reason) total += cell.count;
  }
  return total;
}

TEST_CASE("a_denial_counts_as_decision_as_rule_hit_and_for_its_guest") {
  WorkerMetrics metrics;
  const auto evil = rule("evil");
  metrics.decision(kAlpha, Layer::kTls, denied_by(evil));
  metrics.decision(kAlpha, Layer::kTls, denied_by(evil));
  metrics.decision(kBeta, Layer::kDns, {.action = Action::kDeny, .reason = Reason::kDnsName, .would = {}});
  const WorkerCounts counts = metrics.snapshot();
  CHECK(counts.decisions[2][2][static_cast<int>(Reason::kRule)] == 2);
  CHECK(counts.decisions[0][2][static_cast<int>(Reason::kDnsName)] == 1);
  CHECK(denied(counts, kAlpha, "evil", Reason::kRule) == 2);
  CHECK(denied(counts, kBeta, "", Reason::kDnsName) == 1);
  REQUIRE(counts.rules.size() == 3);
  CHECK(counts.rule_hits[2] == 2);
}

TEST_CASE("an_allow_is_a_hit_and_no_denial") {
  WorkerMetrics metrics;
  const auto github = rule("github", Action::kAllow);
  metrics.decision(kAlpha, Layer::kTls,
                   {.action = Action::kAllow, .reason = Reason::kRule, .rule = &github, .would = {}});
  const WorkerCounts counts = metrics.snapshot();
  CHECK(counts.denied.empty());
  CHECK(counts.rule_hits[2] == 1);
  CHECK(counts.rules[2].action == Action::kAllow);
}

TEST_CASE("the_same_rule_of_another_generation_is_the_same_series") {
  WorkerMetrics metrics;
  const auto before = rule("evil");
  const auto after = rule("evil");
  metrics.decision(kAlpha, Layer::kTls, denied_by(before));
  metrics.decision(kAlpha, Layer::kTls, denied_by(after));
  CHECK(denied(metrics.snapshot(), kAlpha, "evil", Reason::kRule) == 2);
  CHECK(metrics.snapshot().denied.size() == 1);
}

TEST_CASE("another_rule_at_the_same_address_after_a_reload_is_another_series") {
  WorkerMetrics metrics;
  auto info = rule("old");
  metrics.decision(kAlpha, Layer::kTls, denied_by(info));
  info = rule("new");
  metrics.decision(kAlpha, Layer::kTls, denied_by(info));
  info = rule("new", Action::kReview);
  metrics.decision(kAlpha, Layer::kTls,
                   {.action = Action::kReview, .reason = Reason::kRule, .rule = &info, .would = {}});
  const WorkerCounts counts = metrics.snapshot();
  CHECK(denied(counts, kAlpha, "old", Reason::kRule) == 1);
  CHECK(counts.rules.size() == 5);
}

TEST_CASE("invariant_10_a_guest_cannot_make_more_series_than_its_cap") {
  WorkerMetrics metrics(10);
  std::vector<policy::RuleInfo> rules;
  for (int i = 0; i < 50; ++i) rules.push_back(rule("r" + std::to_string(i)));
  for (const auto& info : rules) metrics.decision(kAlpha, Layer::kTls, denied_by(info));
  metrics.decision(kBeta, Layer::kTls, denied_by(rules[49]));  // another guest has room of its own
  const WorkerCounts counts = metrics.snapshot();
  CHECK(counts.denied.size() == 12);
  CHECK(denied(counts, kAlpha, "other", Reason::kRule) == 40);
  CHECK(denied(counts, kAlpha, "r9", Reason::kRule) == 1);
  CHECK(denied(counts, kAlpha, "r10", Reason::kRule) == 0);
  CHECK(denied(counts, kBeta, "r49", Reason::kRule) == 1);
}

TEST_CASE("what_is_forgotten_is_gone_and_the_rest_goes_on_counting") {
  WorkerMetrics metrics;
  const auto evil = rule("evil");
  metrics.decision(kAlpha, Layer::kTls, denied_by(evil));
  metrics.decision(kBeta, Layer::kTls, denied_by(evil));
  const GuestSeries gone[] = {kAlpha};
  metrics.forget(gone);
  metrics.decision(kBeta, Layer::kTls, denied_by(evil));
  const WorkerCounts counts = metrics.snapshot();
  CHECK(counts.denied.size() == 1);
  CHECK(denied(counts, kBeta, "evil", Reason::kRule) == 2);
}

TEST_CASE("connections_move_from_pending_to_their_protocol_to_closed") {
  WorkerMetrics metrics;
  metrics.connection_opened();
  metrics.connection_opened();
  metrics.connection_classified(Protocol::kTls);
  CHECK(metrics.snapshot().active == decltype(WorkerCounts::active){1, 1, 0, 0, 0, 0});
  metrics.connection_closed(Protocol::kTls, ConnectionResult::kCompleted);
  metrics.connection_closed(Protocol::kPending, ConnectionResult::kDenied);
  const WorkerCounts counts = metrics.snapshot();
  CHECK(counts.active == decltype(WorkerCounts::active){});
  CHECK(counts.connections[1][0] == 1);
  CHECK(counts.connections[0][1] == 1);
}

TEST_CASE("a_status_that_nobody_registered_counts_as_other") {
  WorkerMetrics metrics;
  for (const unsigned status : {200U, 200U, 599U, 99U, 0U, 600U, 65'736U}) metrics.http_response(status);
  metrics.http_response(511);
  const WorkerCounts counts = metrics.snapshot();
  CHECK(counts.http_responses[http_code_index(200)] == 2);  // 65736 is 200 in sixteen bits
  CHECK(counts.http_responses[http_code_index(511)] == 1);
  CHECK(counts.http_responses.back() == 5);
}

TEST_CASE("handshakes_are_kept_apart_by_side") {
  WorkerMetrics metrics;
  metrics.tls_handshake(TlsSide::kGuest, std::chrono::milliseconds(1));
  metrics.tls_handshake(TlsSide::kOrigin, std::chrono::milliseconds(20));
  const WorkerCounts counts = metrics.snapshot();
  CHECK(counts.tls_handshakes[0].sum() == std::chrono::milliseconds(1));
  CHECK(counts.tls_handshakes[1].sum() == std::chrono::milliseconds(20));
}

TEST_CASE("invariant_10_credential_names_of_endless_reloads_are_bounded") {
  WorkerMetrics metrics;
  metrics.credential_injected("github", InjectionResult::kInjected);
  for (std::size_t i = 0; i < 2 * kMaxCredentials; ++i) {
    metrics.credential_injected("c" + std::to_string(i), InjectionResult::kDenied);
  }
  metrics.credential_injected("github", InjectionResult::kUnavailable);  // known before: not lost
  const WorkerCounts counts = metrics.snapshot();
  CHECK(counts.credentials.size() == kMaxCredentials + 1);
  CHECK(counts.credentials.at("github") == CredentialCounts{.injections = {1, 1, 0}});
  CHECK(counts.credentials.at("other") == CredentialCounts{.injections = {0, 0, kMaxCredentials + 1}});
}

TEST_CASE("an_rcode_beyond_four_bits_stays_inside_the_table") {
  WorkerMetrics metrics;
  metrics.dns_query(Action::kDeny, 3);
  metrics.dns_query(Action::kDeny, 255);
  CHECK(metrics.snapshot().dns[2][3] == 1);
  CHECK(metrics.snapshot().dns[2][15] == 1);
}

}  // namespace
}  // namespace enforcer::metrics
