#include "audit/filter.h"

#include <algorithm>

#include "audit/fields.h"
#include "audit/json_text.h"
#include "audit/record.h"
#include "policy/decision.h"

namespace enforcer::audit {
namespace {

/// Both sides as they stand in the file.
bool is_text(std::string_view wanted, std::string_view stored) {
  std::string escaped;
  append_json_text(escaped, wanted);
  return escaped == stored;
}

}  // namespace

bool Filter::matches(std::string_view line) const {
  std::string_view line_guest, line_id, line_layer, line_type, line_decision, line_reason, line_time, rule_policy,
      rule_name;
  bool names_host = host.empty();
  FieldReader fields(line);
  while (const auto next = fields.next()) {
    const auto& [key, value] = *next;
    if (key == "guest") line_guest = value;
    if (key == "decision_id") line_id = value;
    if (key == "layer") line_layer = value;
    if (key == "type") line_type = value;
    if (key == "decision") line_decision = value;
    if (key == "reason") line_reason = value;
    if (key == "time") line_time = value;
    if (key == "policy") rule_policy = value;
    if (key == "rule") rule_name = value;
    if (key == "host" || key == "sni" || key == "destination") names_host = names_host || is_text(host, value);
  }
  if (!names_host) return false;
  if (!guest.empty() && !is_text(guest, line_guest)) return false;
  if (!decision_id.empty() && !is_text(decision_id, line_id)) return false;
  if (!layer.empty() && layer != line_layer) return false;
  if (!type.empty() && type != line_type) return false;
  if (!decisions.empty() && std::ranges::find(decisions, line_decision) == decisions.end()) return false;
  if (!reason.empty() && reason != line_reason) return false;
  if (!rule.empty() && !is_text(rule, policy::full_name(rule_policy, rule_name))) return false;
  if (since) {
    // RFC 3339 in UTC with a fixed number of digits sorts as text.
    std::string earliest;
    append_time(earliest, *since);
    if (line_time < earliest) return false;
  }
  return true;
}

}  // namespace enforcer::audit
