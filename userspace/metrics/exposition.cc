#include "metrics/exposition.h"

#include <map>
#include <set>

#include "metrics/datapath_totals.h"
#include "metrics/denied_totals.h"
#include "metrics/families.h"
#include "metrics/guest_roster.h"
#include "policy/reason.h"

namespace enforcer::metrics {
namespace {

using policy::Action;
using policy::Layer;
using policy::Reason;

constexpr std::array<std::string_view, ENFORCER_DROP_REASON_COUNT> kDropLabels{
#define X(name, label, text) std::string_view(label),
    ENFORCER_DROP_REASONS(X)
#undef X
};
constexpr std::array<std::string_view, ENFORCER_VERDICT_COUNT> kVerdictLabels{
#define X(name, label, text) std::string_view(label),
    ENFORCER_VERDICTS(X)
#undef X
};
/// RFC 1035 4.1.1; the rest is never sent.
constexpr std::array<std::string_view, kRcodeCount> kRcodes{
    "noerror", "formerr", "servfail", "nxdomain", "notimp", "refused", "6",  "7",
    "8",       "9",       "10",       "11",       "12",     "13",      "14", "15"};

template <class Enum>
std::string_view label_at(std::size_t index) {
  return label(static_cast<Enum>(index));
}

/// The sum over all workers of one of their counts.
template <class Pick>
auto sum(std::span<const WorkerCounts> workers, Pick pick) {
  std::remove_cvref_t<decltype(pick(workers.front()))> total{};
  for (const WorkerCounts& worker : workers) total += pick(worker);
  return total;
}

CredentialCounts sum_credential(std::span<const WorkerCounts> workers, std::string_view credential) {
  CredentialCounts total;
  for (const WorkerCounts& worker : workers) {
    const auto found = worker.credentials.find(credential);
    if (found == worker.credentials.end()) continue;
    const CredentialCounts& counts = found->second;
    for (std::size_t i = 0; i < counts.injections.size(); ++i) total.injections[i] += counts.injections[i];
    total.leaks_blocked += counts.leaks_blocked;
    total.placeholders_strayed += counts.placeholders_strayed;
  }
  return total;
}

template <class Pick>
DurationHistogram merge_histograms(std::span<const WorkerCounts> workers, Pick pick) {
  DurationHistogram merged;
  for (const WorkerCounts& worker : workers) merged.merge(pick(worker));
  return merged;
}

void add_decisions(Families& out, std::span<const WorkerCounts> workers) {
  auto family = out.counter("decisions_total", "Decisions about names, connections and requests of guests.");
  for (std::size_t layer = 0; layer < kLayerCount; ++layer) {
    for (std::size_t action = 0; action < kActionCount; ++action) {
      for (std::size_t reason = 0; reason < policy::kReasonCount; ++reason) {
        const std::uint64_t count = sum(workers, [&](const auto& w) { return w.decisions[layer][action][reason]; });
        const bool usual = (Action(action) == Action::kAllow && Reason(reason) == Reason::kRule) ||
                           (Action(action) == Action::kDeny && Reason(reason) == Reason::kNoRule);
        if (count == 0 && !usual) continue;
        family.add({{"layer", label_at<Layer>(layer)},
                    {"decision", label_at<Action>(action)},
                    {"reason", label_at<Reason>(reason)}},
                   count);
      }
    }
  }
}

void add_rule_hits(Families& out, std::span<const WorkerCounts> workers) {
  using Key = std::tuple<std::string_view, std::string_view, Action>;
  std::map<Key, std::uint64_t> hits;
  for (const WorkerCounts& worker : workers) {
    for (std::size_t i = 0; i < worker.rules.size(); ++i) {
      const RuleNames& rule = worker.rules[i];
      if (worker.rule_hits[i] > 0) hits[{rule.policy, rule.rule, rule.action}] += worker.rule_hits[i];
    }
  }
  auto family = out.counter("rule_hits_total", "Decisions made by a rule; action is the list it stands in.");
  for (const auto& [key, count] : hits) {
    const auto& [policy, rule, action] = key;
    family.add({{"policy", policy}, {"rule", rule}, {"action", label(action)}}, count);
  }
}

void add_dns(Families& out, std::span<const WorkerCounts> workers) {
  auto family = out.counter("dns_queries_total", "DNS queries of guests, by decision and answer.");
  for (std::size_t action = 0; action < kActionCount; ++action) {
    for (std::size_t rcode = 0; rcode < kRcodeCount; ++rcode) {
      const std::uint64_t count = sum(workers, [&](const auto& w) { return w.dns[action][rcode]; });
      const bool usual =
          (Action(action) == Action::kAllow && rcode == 0) || (Action(action) == Action::kDeny && rcode == 3);
      if (count == 0 && !usual) continue;
      family.add({{"decision", label_at<Action>(action)}, {"rcode", kRcodes[rcode]}}, count);
    }
  }
}

void add_connections(Families& out, std::span<const WorkerCounts> workers) {
  auto bytes = out.counter("transferred_bytes_total", "Bytes relayed; egress is from the guest to the origin.");
  for (std::size_t i = 0; i < kDirectionCount; ++i) {
    bytes.add({{"direction", label_at<Direction>(i)}}, sum(workers, [&](const auto& w) { return w.transferred[i]; }));
  }
  auto active = out.gauge("connections_active", "Connections of guests that are open now.");
  for (std::size_t i = 0; i < kProtocolCount; ++i) {
    const std::int64_t count = sum(workers, [&](const auto& w) { return w.active[i]; });
    active.add_value({{"protocol", label_at<Protocol>(i)}}, static_cast<double>(count));
  }
  auto closed = out.counter("connections_total", "Connections of guests that ended, by how.");
  for (std::size_t i = 0; i < kProtocolCount; ++i) {
    for (std::size_t k = 0; k < kConnectionResultCount; ++k) {
      closed.add({{"protocol", label_at<Protocol>(i)}, {"result", label_at<ConnectionResult>(k)}},
                 sum(workers, [&](const auto& w) { return w.connections[i][k]; }));
    }
  }
}

void add_durations(Families& out, std::span<const WorkerCounts> workers) {
  auto overhead = out.histogram("overhead_duration_seconds", "Time that the enforcer adds, by stage.");
  for (std::size_t i = 0; i < kStageCount; ++i) {
    overhead.add_histogram({{"stage", label_at<Stage>(i)}},
                           merge_histograms(workers, [&](const auto& w) -> auto& { return w.overhead[i]; }));
  }
  out.histogram("origin_connect_duration_seconds", "Time to connect to an origin, resolving its name not included.")
      .add_histogram({}, merge_histograms(workers, [](const auto& w) -> auto& { return w.origin_connect; }));
  auto errors = out.counter("origin_errors_total", "Allowed connections whose origin failed.");
  for (std::size_t i = 0; i < kOriginErrorCount; ++i) {
    errors.add({{"reason", label_at<OriginError>(i)}}, sum(workers, [&](const auto& w) { return w.origin_errors[i]; }));
  }
}

void add_interception(Families& out, std::span<const WorkerCounts> workers) {
  auto responses = out.counter("http_responses_total", "HTTP responses sent to guests, by status code.");
  for (std::size_t i = 0; i < kHttpCodeCount; ++i) {
    const std::uint64_t count = sum(workers, [&](const auto& w) { return w.http_responses[i]; });
    const bool usual = i == http_code_index(200) || i == http_code_index(403);
    if (count == 0 && !usual) continue;
    responses.add({{"code", i < kHttpCodes.size() ? std::to_string(kHttpCodes[i]) : "other"}}, count);
  }
  auto handshakes = out.histogram("tls_handshake_duration_seconds", "Time of TLS handshakes where TLS ends here.");
  for (std::size_t i = 0; i < kTlsSideCount; ++i) {
    handshakes.add_histogram({{"side", label_at<TlsSide>(i)}},
                             merge_histograms(workers, [&](const auto& w) -> auto& { return w.tls_handshakes[i]; }));
  }
  out.counter("tls_certificates_issued_total", "Certificates made for guests.").add({}, sum(workers, [](const auto& w) {
                                                                                      return w.certificates_issued;
                                                                                    }));
}

double seconds_since_1970(std::optional<WallClock::time_point> time) {
  return std::chrono::duration<double>(time.value_or(WallClock::time_point{}).time_since_epoch()).count();
}

void add_state(Families& out, const std::string& version, const Gauges& gauges) {
  out.gauge("build_info", "Always 1; the version is a label.").add({{"version", version}}, 1);
  out.gauge("component_up", "Whether a part of the enforcer works: 1 or 0. A dead enforcerd is up == 0.")
      .add({{"component", "enforcerd"}}, 1)
      .add({{"component", "hostd"}}, gauges.hostd == Gauges::Component::kUp)
      .add({{"component", "datapath"}}, gauges.datapath == Gauges::Component::kUp);
  out.gauge("guests", "Guests by state.")
      .add({{"state", "booting"}}, gauges.guests_booting)
      .add({{"state", "running"}}, gauges.guests_running)
      .add({{"state", "paused"}}, gauges.guests_paused);
  out.gauge("policy_generation", "Number of the policies in force; it rises with each reload that succeeds.")
      .add({}, gauges.policy_generation);
  out.gauge("policy_last_reload_successful", "Whether the last reload put new policies in force: 1 or 0.")
      .add({}, gauges.last_reload == Gauges::Reload::kSucceeded);
  auto last = out.gauge("policy_last_reload_success_timestamp_seconds", "When policies were last put in force.");
  last.add_value({}, seconds_since_1970(gauges.last_reload_success));
  out.counter("audit_events_total", "Records written to the audit log.").add({}, gauges.audit_events);
  out.counter("audit_write_errors_total", "Records that could not be written; each such decision became a denial.")
      .add({}, gauges.audit_write_errors);
  out.counter("audit_copy_errors_total", "Records that could not be copied to the systemd journal.")
      .add({}, gauges.audit_copy_errors);
  auto entries = out.gauge("datapath_map_entries", "Entries in a map of the datapath.");
  for (const Gauges::Map& map : gauges.maps) entries.add({{"map", map.name}}, map.entries);
  auto capacity = out.gauge("datapath_map_capacity", "Entries that a map of the datapath can hold.");
  for (const Gauges::Map& map : gauges.maps) capacity.add({{"map", map.name}}, map.capacity);
}

void add_credential_ends(Families& out, std::span<const Gauges::CredentialEnd> ends) {
  auto family = out.gauge("credential_expiry_timestamp_seconds",
                          "When the value of a credential ends that Enforcer cannot renew by itself.");
  for (const Gauges::CredentialEnd& end : ends) {
    family.add_value({{"credential", end.credential}}, seconds_since_1970(end.time));
  }
}

void add_reviews(Families& out, const ReviewCounts& review) {
  out.gauge("review_pending", "Held requests that nobody has decided yet.").add({}, review.pending);
  out.gauge("review_oldest_pending_timestamp_seconds", "When the oldest of them was asked; 0 where there is none.")
      .add_value({}, seconds_since_1970(review.oldest));
  auto outcomes = out.counter("review_decisions_total", "Held requests that are decided, by what became of them.");
  for (std::size_t i = 0; i < review.outcomes.size(); ++i) {
    outcomes.add({{"outcome", label_at<ReviewOutcome>(i)}}, review.outcomes[i]);
  }
  out.histogram("review_wait_seconds", "Time from the question to the verdict of the last person it needed.")
      .add_histogram({}, review.wait);
  out.counter("review_notify_failures_total", "Held requests of which the command review.notify was not told.")
      .add({}, review.notify_failures);
}

}  // namespace

struct Exposition::Impl {
  Impl(std::string version_, std::size_t series_per_guest) : version(std::move(version_)), denied(series_per_guest) {}

  void add_denied(Families& out, std::span<const WorkerCounts> workers) {
    std::vector<GuestSeries> counted;
    std::vector<GuestSeries> attached;
    for (const auto& [series, guest] : roster.guests()) {
      counted.push_back(series);
      if (guest.attached > 0) attached.push_back(series);
    }
    auto family =
        out.counter("denied_total", "Denials by guest and by the rule that said so; rule is empty where none did.");
    for (const DeniedTotals::Series& series : denied.merge(workers, counted, attached)) {
      family.add({{"guest", roster.find(series.guest)->label},
                  {"policy", series.rule->policy},
                  {"rule", series.rule->rule},
                  {"reason", label(series.reason)}},
                 series.count);
    }
  }

  void add_credentials(Families& out, std::span<const WorkerCounts> workers) const {
    std::vector<std::pair<std::string_view, CredentialCounts>> shown;
    for (const std::string& name : credentials) shown.emplace_back(name, sum_credential(workers, name));
    const CredentialCounts other = sum_credential(workers, kOtherCredential);
    const bool is_shown = credentials.contains(kOtherCredential);
    if (!is_shown && other != CredentialCounts{}) shown.emplace_back(kOtherCredential, other);

    auto injections =
        out.counter("credential_injections_total", "Requests that asked for a credential, by what came of it.");
    for (const auto& [name, counts] : shown) {
      for (std::size_t i = 0; i < counts.injections.size(); ++i) {
        injections.add({{"credential", name}, {"result", label_at<InjectionResult>(i)}}, counts.injections[i]);
      }
    }
    auto leaks = out.counter("secret_leaks_blocked_total",
                             "Responses in which an origin sent a credential's value back, which was masked.");
    for (const auto& [name, counts] : shown) leaks.add({{"credential", name}}, counts.leaks_blocked);
    auto strays = out.counter("placeholders_strayed_total",
                              "Requests with a guest's placeholder where its credential does not replace it.");
    for (const auto& [name, counts] : shown) strays.add({{"credential", name}}, counts.placeholders_strayed);
  }

  void add_datapath(Families& out) const {
    const DatapathTotals::Verdicts verdicts = datapath.verdicts();
    auto packets = out.counter("datapath_packets_total", "Frames seen by the kernel datapath, by what became of them.");
    for (std::size_t i = 0; i < verdicts.size(); ++i) packets.add({{"verdict", kVerdictLabels[i]}}, verdicts[i]);

    auto family = out.counter("datapath_drops_total",
                              "Frames dropped by the kernel datapath; guest is empty where it is nobody's.");
    const DatapathTotals::Drops nobody = datapath.nobody();
    for (std::size_t i = 0; i < nobody.size(); ++i) family.add({{"guest", ""}, {"reason", kDropLabels[i]}}, nobody[i]);
    for (const auto& [series, drops] : datapath.drops([this](Slot slot) { return roster.series_of(slot); })) {
      const GuestRoster::Guest* guest = roster.find(series);
      if (guest == nullptr) continue;
      for (std::size_t i = 0; i < drops.size(); ++i) {
        if (drops[i] > 0) family.add({{"guest", guest->label}, {"reason", kDropLabels[i]}}, drops[i]);
      }
    }
  }

  std::string version;
  GuestRoster roster;
  DeniedTotals denied;
  DatapathTotals datapath;
  DurationHistogram apply_duration;
  std::set<std::string, std::less<>> credentials;
};

Exposition::Exposition(std::string version, std::size_t series_per_guest)
    : impl_(std::make_unique<Impl>(std::move(version), series_per_guest)) {}
Exposition::~Exposition() = default;

GuestSeries Exposition::guest_attached(Slot slot, const GuestName& name) {
  return impl_->roster.attach(slot, name);
}

void Exposition::guest_left(Slot slot, Monotonic::time_point now) {
  if (const auto series = impl_->roster.series_of(slot)) impl_->datapath.leave(slot, *series);
  impl_->roster.leave(slot, now);
}

std::vector<GuestSeries> Exposition::expire(Monotonic::time_point now) {
  std::vector<GuestSeries> gone = impl_->roster.expire(now, kRetention);
  impl_->denied.forget(gone);
  impl_->datapath.forget(gone);
  return gone;
}

void Exposition::set_deny_rules(std::span<const policy::RuleInfo* const> rules) {
  impl_->denied.set_deny_rules(rules);
}

void Exposition::set_credentials(std::vector<std::string> names) {
  impl_->credentials = {std::make_move_iterator(names.begin()), std::make_move_iterator(names.end())};
}

void Exposition::policy_applied(std::chrono::nanoseconds duration) {
  impl_->apply_duration.observe(duration);
}

void Exposition::datapath(Slot slot, const enforcer_counters& counters) {
  // A slot that is not attached has no one to show its counts under, and would never leave.
  if (slot == Slot{0} || impl_->roster.series_of(slot)) impl_->datapath.update(slot, counters);
}

std::string Exposition::render(std::span<const WorkerCounts> workers, const Gauges& gauges) {
  Families out;
  add_state(out, impl_->version, gauges);
  out.histogram("policy_apply_duration_seconds", "Time from reading the policy files to having them in force.")
      .add_histogram({}, impl_->apply_duration);
  add_decisions(out, workers);
  impl_->add_denied(out, workers);
  add_rule_hits(out, workers);
  add_dns(out, workers);
  add_connections(out, workers);
  add_durations(out, workers);
  add_interception(out, workers);
  impl_->add_credentials(out, workers);
  add_credential_ends(out, gauges.credential_ends);
  add_reviews(out, gauges.review);
  impl_->add_datapath(out);
  return out.text();
}

}  // namespace enforcer::metrics
