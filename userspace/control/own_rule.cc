#include "control/own_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "control/json_object.h"
#include "policy/address_guard.h"
#include "policy/aws_call.h"
#include "policy/parameters.h"

namespace enforcer::control {
namespace {

using Kind = policy::GitCall::Update::Kind;

/// What it asks of AWS, whether or not a rule there asks for that; without an action: nothing that can be told.
policy::AwsCall aws_call_of(const ExplainTarget& target) {
  policy::Facts facts;
  facts.layer = policy::Layer::kHttp;
  facts.host = target.host;
  facts.port = target.port;
  facts.request = std::make_shared<policy::RequestFacts>(target.request.value_or(policy::RequestFacts{
      .transport = policy::RequestFacts::Transport::kTls,
      .method = target.method,
      .path = target.path,
      .query = target.query,
  }));
  return target.host ? policy::read_aws_call(facts, "") : policy::AwsCall{};
}

std::string aws_field(const policy::AwsCall& call) {
  std::string actions = quoted(call.service + ":" + call.action);
  for (const std::string& also : call.also) actions += ", " + quoted(call.service + ":" + also);
  return fmt::format("aws: {{actions: [{}]}}", actions);
}

/// No other ref, and of the two things that undo work only those that were asked about.
std::string git_field(const policy::GitCall& call) {
  const std::string repository = quoted(call.repository);
  if (call.operation == policy::GitCall::Operation::kFetch)
    return fmt::format("git: {{repos: [{}], operations: [fetch]}}", repository);
  std::string refs;
  bool forces = false;
  bool deletes = false;
  for (const auto& update : call.updates.value_or(std::vector<policy::GitCall::Update>())) {
    refs += (refs.empty() ? "" : ", ") + quoted(update.ref);
    forces = forces || update.kind == Kind::kForce;
    deletes = deletes || update.kind == Kind::kDelete;
  }
  return fmt::format("git: {{repos: [{}], operations: [push], refs: [{}]{}{}}}", repository, refs,
                     forces ? "" : ", force: deny", deletes ? "" : ", delete: deny");
}

/// Every parameter with its value; one that comes twice with two values may have any, for a pattern cannot say both.
/// Empty: there is none, or no allow can mean it (';' separates for some origins and not for others).
std::string query_field(const std::optional<std::string>& query) {
  if (!query || query->contains(';')) return "";
  std::map<std::string, std::string> values;
  std::string_view rest = *query;
  for (policy::Parameter parameter; next_parameter(rest, "&", parameter);) {
    if (!parameter.well_formed) return "";
    const auto [known, is_new] = values.try_emplace(parameter.name, parameter.value);
    if (!is_new && known->second != parameter.value) known->second = "*";
  }
  std::string fields;
  for (const auto& [name, value] : values)
    fields += fmt::format("{}{}: {}", fields.empty() ? "" : ", ", quoted(name), quoted(value));
  return fields.empty() ? "" : fmt::format(", query: {{{}}}", fields);
}

std::string http_field(const ExplainTarget& target) {
  return fmt::format("http: [{{methods: [{}], paths: [{}]{}}}]", target.method, quoted(target.path),
                     query_field(target.query));
}

}  // namespace

std::string quoted(const std::string& text) {
  return dump(nlohmann::json(text));
}

std::string target_text(const ExplainTarget& target) {
  const auto port = static_cast<unsigned>(target.port);
  if (target.host) return fmt::format("{}:{}", target.host->text(), port);
  const std::string address = target.address->to_string();
  return target.address->is_v4() ? fmt::format("{}:{}", address, port) : fmt::format("[{}]:{}", address, port);
}

std::optional<std::string> own_fields(const ExplainTarget& target) {
  std::string fields = "to: [" + quoted(target_text(target)) + "]";
  // TLS to an address has no name that could be looked at.
  const bool opaque = target.address && target.speech == Speech::kTls;
  if (opaque) fields += ", protocol: tcp";
  if (target.address && policy::judge_address(*target.address) == policy::AddressVerdict::kPrivate)
    fields += ", private: true";
  if (opaque || !target.is_request) return fields;
  if (target.websocket) fields += ", websocket: true";
  if (target.request && target.request->git) return fields + ", " + git_field(*target.request->git);
  const policy::AwsCall call = aws_call_of(target);
  const std::string aws = call.action.empty() ? "" : ", " + aws_field(call);
  // The rest of an action's request is one of many that ask for the same.
  if (target.request) return aws.empty() ? std::nullopt : std::optional(fields + aws);
  return fields + ", " + http_field(target) + aws;
}

}  // namespace enforcer::control
