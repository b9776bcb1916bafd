#include "enforcerctl/recorded_decision.h"

#include <nlohmann/json.hpp>

#include "policy/decision.h"

namespace enforcer::ctl {
namespace {

using nlohmann::json;

/// A field's text; empty when there is none.
std::string field_text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::uint64_t field_number(const json& object, const char* name, std::uint64_t otherwise) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : otherwise;
}

std::optional<IpAddress> field_address(const json& object, const char* name) {
  const auto address = IpAddress::parse(field_text(object, name));
  return address ? std::optional(*address) : std::nullopt;
}

std::string full_rule(const json& object) {
  const std::string rule = field_text(object, "rule");
  return rule.empty() ? "" : policy::full_name(field_text(object, "policy"), rule);
}

Labels field_labels(const json& record) {
  Labels labels;
  const auto found = record.find("labels");
  if (found == record.end() || !found->is_object()) return labels;
  for (const auto& [key, value] : found->items()) {
    if (value.is_string()) labels.emplace(key, value.get<std::string>());
  }
  return labels;
}

RecordedDecision decision_of(const json& record) {
  RecordedDecision made{.id = field_text(record, "decision_id"),
                        .time = field_text(record, "time"),
                        .guest = field_text(record, "guest"),
                        .labels = field_labels(record),
                        .layer = field_text(record, "layer"),
                        .decision = field_text(record, "decision"),
                        .reason = field_text(record, "reason"),
                        .rule = full_rule(record),
                        .would = {},
                        .would_reason = {},
                        .would_rule = {},
                        .host = field_text(record, "host"),
                        .destination = field_address(record, "destination"),
                        .port = {},
                        .method = field_text(record, "method"),
                        .path = field_text(record, "path"),
                        .query = std::nullopt,
                        .upgrade = field_text(record, "upgrade"),
                        .action = field_text(record, "action"),
                        .credential = field_text(record, "credential"),
                        .count = std::max<std::uint64_t>(1, field_number(record, "count", 1))};
  // A query's own port says nothing about the name that it asks for.
  if (const auto port = field_number(record, "port", 0); port <= 0xffff && made.layer != "dns")
    made.port = Port{static_cast<uint16_t>(port)};
  if (const auto question = made.path.find('?'); question != std::string::npos) {
    made.query = made.path.substr(question + 1);
    made.path.resize(question);
  }
  if (const auto would = record.find("would"); would != record.end() && would->is_object()) {
    made.would = field_text(*would, "decision");
    made.would_reason = field_text(*would, "reason");
    made.would_rule = full_rule(*would);
  }
  return made;
}

}  // namespace

bool is_reason(std::string_view recorded, policy::Reason wanted) {
  return recorded == policy::label(wanted);
}

Recorded read_record(std::string_view line) {
  const json record = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return {};
  const std::string type = field_text(record, "type");
  if (type == "decision") return decision_of(record);
  if (type == "end") {
    return RecordedEnd{.id = field_text(record, "decision_id"),
                       .dialled = field_address(record, "dialled_ip"),
                       .time = field_text(record, "time"),
                       .guest = field_text(record, "guest"),
                       .bytes_up = field_number(record, "bytes_up", 0),
                       .bytes_down = field_number(record, "bytes_down", 0)};
  }
  return {};
}

}  // namespace enforcer::ctl
