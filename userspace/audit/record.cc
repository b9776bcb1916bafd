#include "audit/record.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include "audit/json_text.h"

namespace enforcer::audit {
namespace {

void append_labels(std::string& out, std::string_view name, const Labels& labels) {
  fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"{}\":{{"), name);
  const char* separator = "\"";
  for (const auto& [key, value] : labels) {
    out += separator;
    append_json_text(out, key);
    out += "\":\"";
    append_json_text(out, value);
    out += '"';
    separator = ",\"";
  }
  out += '}';
}

void append_subject(std::string& out, const Subject& subject) {
  if (subject.guest == nullptr) return;
  append_text_field(out, "guest", subject.guest->text());
  append_text_field(out, "epoch", to_string(subject.epoch));
  if (subject.labels != nullptr && !subject.labels->empty()) append_labels(out, "labels", *subject.labels);
}

void append_rule(std::string& out, const policy::RuleInfo* rule) {
  if (rule == nullptr) return;
  append_text_field(out, "policy", rule->policy);
  append_text_field(out, "rule", rule->rule);
  append_text_field(out, "place", rule->place);
}

void append_optional_text(std::string& out, std::string_view key, std::string_view raw) {
  if (!raw.empty()) append_text_field(out, key, raw);
}

void append_address(std::string& out, std::string_view key, const std::optional<IpAddress>& address) {
  if (address) append_text_field(out, key, address->to_string());
}

void append_port(std::string& out, Port port) {
  if (port != Port{}) append_number_field(out, "port", static_cast<std::uint16_t>(port));
}

std::string elided_target(std::string_view path, std::string_view query) {
  if (query.empty()) return std::string(path);
  return elide_query(fmt::format(FMT_COMPILE("{}?{}"), path, query));
}

void append_texts(std::string& out, std::string_view key, std::span<const std::string> texts) {
  if (texts.empty()) return;
  fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"{}\":["), key);
  const char* separator = "\"";
  for (const std::string& text : texts) {
    out += separator;
    append_json_text(out, text);
    out += '"';
    separator = ",\"";
  }
  out += ']';
}

/// In audit mode: what enforce mode would have done.
void append_would(std::string& out, const policy::Decision::Would& would) {
  out += ",\"would\":{\"decision\":\"";
  out += label(would.action);
  out += '"';
  append_text_field(out, "reason", label(would.reason));
  append_rule(out, would.rule);
  out += '}';
}

}  // namespace

std::string_view label(Outcome outcome) {
  switch (outcome) {
#define X(name, text) \
  case Outcome::name: \
    return text;
    ENFORCER_OUTCOMES(X)
#undef X
  }
  return "internal";
}

void append_decision_head(std::string& out, const DecisionId& id) {
  out += "\"type\":\"decision\",\"decision_id\":\"";
  out += id.text();
  out += '"';
}

void append_decision_tail(std::string& out, const DecisionRecord& record) {
  const policy::Decision& decision = record.decision;
  append_subject(out, record.subject);
  append_text_field(out, "layer", label(record.layer));
  append_text_field(out, "decision", label(decision.action));
  append_text_field(out, "reason", label(decision.reason));
  append_rule(out, decision.rule);
  append_number_field(out, "generation", record.generation);
  append_optional_text(out, "sni", record.sni);
  append_optional_text(out, "host", record.host);
  append_optional_text(out, "authority", record.authority);
  append_address(out, "destination", record.destination);
  append_port(out, record.port);
  append_optional_text(out, "method", record.method);
  if (!record.path.empty()) append_text_field(out, "path", elided_target(record.path, record.query));
  append_optional_text(out, "upgrade", record.upgrade);
  append_optional_text(out, "action", record.action);
  append_optional_text(out, "credential", policy::credential_of(decision));
  append_optional_text(out, "review_id", record.review_id);
  append_texts(out, "approvers", record.approvers);
  if (decision.would) append_would(out, *decision.would);
}

void append_body(std::string& out, const DecisionRecord& record) {
  append_decision_head(out, record.id);
  append_decision_tail(out, record);
}

void append_body(std::string& out, const EndRecord& record) {
  out += "\"type\":\"end\",\"decision_id\":\"";
  out += record.id.text();
  out += '"';
  append_subject(out, record.subject);
  append_text_field(out, "layer", label(record.layer));
  append_optional_text(out, "host", record.host);
  append_port(out, record.port);
  append_address(out, "dialled_ip", record.dialled);
  append_optional_text(out, "via", record.via);
  append_number_field(out, "bytes_up", record.bytes_up);
  append_number_field(out, "bytes_down", record.bytes_down);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(record.duration).count();
  append_number_field(out, "duration_ms", static_cast<std::uint64_t>(std::max<std::int64_t>(0, milliseconds)));
  append_text_field(out, "outcome", label(record.outcome));
  if (record.reason) append_text_field(out, "reason", label(*record.reason));
  append_optional_text(out, "detail", record.detail);
}

void append_body(std::string& out, const EventRecord& record) {
  out += "\"type\":\"event\"";
  append_text_field(out, "event", record.event);
  append_subject(out, record.subject);
  if (record.before != nullptr) append_labels(out, "labels_before", *record.before);
  append_optional_text(out, "detail", record.detail);
  if (record.generation != 0) append_number_field(out, "generation", record.generation);
  if (record.count != 1) append_number_field(out, "count", record.count);
}

void append_body(std::string& out, const DatapathRecord& record) {
  out += "\"type\":\"datapath\"";
  append_subject(out, record.subject);
  append_text_field(out, "decision", label(policy::Action::kDeny));
  append_text_field(out, "reason", label(policy::Reason::kDatapath));
  append_text_field(out, "drop", record.drop);
  append_number_field(out, "count", record.count);
}

void append_body(std::string& out, const ReviewRecord& record) {
  out += "\"type\":\"review\"";
  append_text_field(out, "review_id", record.review_id);
  append_text_field(out, "change", record.change);
  append_subject(out, record.subject);
  append_optional_text(out, "host", record.host);
  append_port(out, record.port);
  append_optional_text(out, "method", record.method);
  if (!record.path.empty()) append_text_field(out, "path", elided_target(record.path, record.query));
  append_optional_text(out, "action", record.action);
  append_rule(out, record.rule);
  if (record.by) {
    append_text_field(out, "by", record.by->name);
    append_number_field(out, "by_uid", record.by->uid);
  }
  append_number_field(out, "approvals", record.approvals);
  append_number_field(out, "approvals_needed", record.approvals_needed);
  append_optional_text(out, "comment", record.comment);
}

void append_time(std::string& out, WallClock::time_point time) {
  using std::chrono::floor;
  const auto microseconds = floor<std::chrono::microseconds>(time);
  const auto seconds = floor<std::chrono::seconds>(microseconds);
  // Many records share their second: its 19 characters are made once.
  thread_local WallClock::time_point cached_second = WallClock::time_point::min();
  thread_local std::string cached_text;
  if (cached_second != seconds) {
    const auto day = floor<std::chrono::days>(seconds);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(seconds - day);
    cached_text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                              static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                              clock.hours().count(), clock.minutes().count(), clock.seconds().count());
    cached_second = seconds;
  }
  out += cached_text;
  fmt::format_to(std::back_inserter(out), FMT_COMPILE(".{:06}Z"), (microseconds - seconds).count());
}

}  // namespace enforcer::audit
