#include "review/ticket_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/time_text.h"
#include "policy/registrable_domain.h"

namespace enforcer::review {
namespace {

using nlohmann::json;

/// Longer texts show both ends, their length and their hash. Long enough for every path and query that means well.
constexpr std::size_t kLongTarget = 4096;
constexpr std::size_t kLongText = 512;

json verdict_json(const Verdict& verdict) {
  return {{"uid", verdict.by.uid},
          {"name", escape_untrusted(verdict.by.name)},
          {"at", utc_text(verdict.at)},
          {"comment", escape_untrusted(verdict.comment)}};
}

json labels_json(const Labels& labels) {
  json object = json::object();
  for (const auto& [key, value] : labels) object[escape_untrusted(key)] = escape_untrusted(value);
  return object;
}

/// By its name, as in FieldFact: is its value a secret, or may it be one?
bool holds_secret(std::string_view field) {
  // Authorization and Cookie, and parts of the names that people give to such fields.
  constexpr std::array<std::string_view, 9> kParts = {"authorization", "cookie",  "token",      "secret", "api-key",
                                                      "apikey",        "passwor", "credential", "-auth"};
  return std::ranges::any_of(kParts, [field](std::string_view part) { return field.contains(part); });
}

json field_json(const policy::FieldFact& field) {
  return {{"name", escape_untrusted(field.name)},
          {"value", holds_secret(field.name) ? fmt::format("[{} octets, not shown]", field.value.size())
                                             : escape_untrusted(field.value, kLongText)}};
}

void add_request(json& out, const policy::RequestFacts& request) {
  out["method"] = escape_untrusted(request.method);
  out["scheme"] = request.transport == policy::RequestFacts::Transport::kTls ? "https" : "http";
  out["path"] = escape_untrusted(request.path, kLongTarget);
  out["query"] = request.query ? json(escape_untrusted(*request.query, kLongTarget)) : json();
  json& fields = out["fields"] = json::array();
  for (const policy::FieldFact& field : request.fields) fields.push_back(field_json(field));
}

void add_target(json& out, const policy::Facts& facts) {
  out["host"] = facts.host ? facts.host->text() : facts.destination ? facts.destination->to_string() : "";
  out["registrable_domain"] = facts.host ? policy::registrable_domain(*facts.host) : "";
  out["port"] = static_cast<std::uint16_t>(facts.port);
  if (facts.request) add_request(out, *facts.request);
}

void add_question(json& out, const Question& question) {
  out["guest"] = question.guest.text();
  out["epoch"] = to_string(question.epoch);
  out["labels"] = labels_json(question.labels);
  add_target(out, question.facts);
  out["action"] = escape_untrusted(question.action, kLongTarget);
  out["policy"] = question.rule != nullptr ? question.rule->policy : "";
  out["rule"] = question.rule != nullptr ? question.rule->rule : "";
  out["place"] = question.rule != nullptr ? question.rule->place : "";
  out["reason"] = question.rule != nullptr ? escape_untrusted(question.rule->note) : "";
  out["credential"] = question.credential;
  out["body"] = {{"octets", question.body_octets},
                 {"sha256", question.body_sha256},
                 {"start", escape_untrusted(question.body_start, Question::kBodyPreview)}};
  out["fingerprint"] = to_hex(question.fingerprint);
}

std::string one_line(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
}

}  // namespace

json to_json(const Ticket& ticket) {
  json out;
  out["review_id"] = ticket.id.text();
  out["state"] = label(ticket.state);
  add_question(out, *ticket.question);
  out["clients"] = ticket.clients;
  out["approvals_needed"] = ticket.approvals_needed;
  json& approvals = out["approvals"] = json::array();
  for (const Verdict& verdict : ticket.approvals) approvals.push_back(verdict_json(verdict));
  out["rejection"] = ticket.rejection ? verdict_json(*ticket.rejection) : json();
  out["asked"] = utc_text(ticket.asked);
  out["expires"] = utc_text(ticket.expires);
  return out;
}

std::string json_line(const Ticket& ticket, std::size_t limit) {
  json out = to_json(ticket);
  std::string line = one_line(out);
  if (line.size() <= limit) return line;
  if (out.contains("fields")) out["fields"] = json::array();
  out["body"]["start"] = "";
  return one_line(out);
}

}  // namespace enforcer::review
