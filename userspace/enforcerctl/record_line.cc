#include "enforcerctl/record_line.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "policy/decision.h"

namespace enforcer::ctl {
namespace {

using nlohmann::json;

/// Lines are printed as they come, so columns have fixed widths; what is longer pushes the rest of its line aside.
constexpr std::string_view kLayout = "{:<24} {:<16} {} {:<5} {:<40} {:<28} {:<22} {}\n";

/// A field's text, escaped, or "-".
std::string shown(const json& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end()) return "-";
  if (found->is_string()) return escape_untrusted(found->get_ref<const std::string&>(), 256);
  if (found->is_number_unsigned()) return std::to_string(found->get<std::uint64_t>());
  return "?";
}

bool has(const json& record, const char* name) {
  return record.contains(name);
}

std::string type_of(const json& record) {
  return has(record, "type") ? shown(record, "type") : "?";
}

/// "api.github.com:443", with the method and path of a request, or what it does where the record says that.
std::string target_of(const json& record) {
  std::string target = has(record, "host")          ? shown(record, "host")
                       : has(record, "sni")         ? shown(record, "sni")
                       : has(record, "destination") ? shown(record, "destination")
                                                    : "-";
  if (has(record, "port")) target += ":" + shown(record, "port");
  if (has(record, "action")) return shown(record, "action") + " on " + target;
  if (has(record, "method")) target = shown(record, "method") + " " + target;
  if (has(record, "path")) target += shown(record, "path");
  return target;
}

std::string rule_of(const json& record) {
  return has(record, "rule") ? policy::full_name(shown(record, "policy"), shown(record, "rule")) : "-";
}

std::string counted(const json& record, std::string text) {
  if (has(record, "count")) text += " x" + shown(record, "count");
  return text;
}

/// Milliseconds are enough for people.
std::string time_of(const json& record) {
  std::string time = shown(record, "time");
  if (time.size() == 27 && time.ends_with('Z')) time.replace(23, 4, "Z");
  return time;
}

struct Columns {
  std::string decision, layer, target, rule, reason, id;
};

Columns columns_of(const json& record) {
  const std::string type = type_of(record);
  if (type == "decision") {
    return {shown(record, "decision"),
            shown(record, "layer"),
            target_of(record),
            rule_of(record),
            counted(record, shown(record, "reason")),
            shown(record, "decision_id")};
  }
  if (type == "datapath") {
    return {shown(record, "decision"), "bpf", "-", "-", counted(record, "datapath: " + shown(record, "drop")), "-"};
  }
  if (type == "end") {
    return {"end",
            shown(record, "layer"),
            target_of(record),
            fmt::format("{} up, {} down, {} ms", shown(record, "bytes_up"), shown(record, "bytes_down"),
                        shown(record, "duration_ms")),
            shown(record, "outcome"),
            shown(record, "decision_id")};
  }
  if (type == "review") {
    return {shown(record, "change"),
            "http",
            target_of(record),
            rule_of(record),
            fmt::format("{}{} of {} approvals", has(record, "by") ? "by " + shown(record, "by") + ", " : "",
                        shown(record, "approvals"), shown(record, "approvals_needed")),
            shown(record, "review_id")};
  }
  if (type == "event")
    return {"event", "-", shown(record, "event"), "-", counted(record, shown(record, "detail")), "-"};
  return {"?", "-", "-", "-", "a record of an unknown type: " + type, "-"};
}

std::string painted(const Terminal& terminal, const std::string& decision) {
  // Padded first: colour codes have no width.
  const std::string padded = fmt::format("{:<8}", decision);
  if (decision == "deny") return paint(terminal, Colour::kRed, padded);
  if (decision == "review") return paint(terminal, Colour::kYellow, padded);
  if (decision == "allow") return paint(terminal, Colour::kGreen, padded);
  return padded;
}

std::string line_of(const Terminal& terminal, const json& record) {
  const Columns columns = columns_of(record);
  return fmt::format(fmt::runtime(kLayout), time_of(record), shown(record, "guest"),
                     painted(terminal, columns.decision), columns.layer, columns.target, columns.rule, columns.reason,
                     columns.id);
}

std::string not_a_record(std::string_view text) {
  return fmt::format("not a record: {}\n", escape_untrusted(text, 128));
}

}  // namespace

std::string record_headers() {
  return fmt::format(fmt::runtime(kLayout), "TIME", "GUEST", "DECISION", "LAYER", "TARGET", "RULE", "REASON", "ID");
}

std::optional<std::string> record_line(const Terminal& terminal, std::string_view text) {
  const json record = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return not_a_record(text);
  if (type_of(record) == "end") return std::nullopt;
  return line_of(terminal, record);
}

std::string any_record_line(const Terminal& terminal, std::string_view text) {
  const json record = json::parse(text, nullptr, /*allow_exceptions=*/false);
  return record.is_object() ? line_of(terminal, record) : not_a_record(text);
}

}  // namespace enforcer::ctl
