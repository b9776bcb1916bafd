// The JSON of `explain` and `policy list`, in both directions.
#include "control/explain.h"
#include "control/json_object.h"

namespace enforcer::control {
namespace {

using nlohmann::json;

json to_json(const ExplainedRule& rule) {
  return {{"rule", rule.rule},   {"place", rule.place},   {"action", rule.action}, {"match", rule.match},
          {"field", rule.field}, {"target", rule.target}, {"detail", rule.detail}};
}

ExplainedRule rule_from(const json& entry) {
  ObjectReader reader(entry);
  return {.rule = reader.text("rule"),
          .place = reader.text("place"),
          .action = reader.text("action"),
          .match = reader.text("match"),
          .field = reader.text("field"),
          .target = reader.text("target"),
          .detail = reader.text("detail")};
}

std::vector<ExplainedRule> rules_from(const json& list) {
  std::vector<ExplainedRule> rules;
  for (const json& entry : list) {
    if (entry.is_object()) rules.push_back(rule_from(entry));
  }
  return rules;
}

json to_json(const std::vector<ExplainedRule>& rules) {
  json list = json::array();
  for (const ExplainedRule& rule : rules) list.push_back(to_json(rule));
  return list;
}

json to_json(const ExplainedLayer& layer) {
  return {{"layer", layer.layer},         {"decision", layer.decision},       {"handling", layer.handling},
          {"reason", layer.reason},       {"description", layer.description}, {"rule", layer.rule},
          {"rules", to_json(layer.rules)}};
}

ExplainedLayer layer_from(const json& entry) {
  ObjectReader reader(entry);
  return {.layer = reader.text("layer"),
          .decision = reader.text("decision"),
          .handling = reader.text("handling"),
          .reason = reader.text("reason"),
          .description = reader.text("description"),
          .rule = reader.text("rule"),
          .rules = rules_from(reader.array("rules"))};
}

ExplainedInjection injection_from(const json& entry) {
  ObjectReader reader(entry);
  return {.credential = reader.text("credential"),
          .as = reader.text("as"),
          .where = reader.text("where"),
          .source = reader.text("source")};
}

ExplainedChange change_from(const json& entry) {
  ObjectReader reader(entry);
  return {.what = reader.text("what"), .place = reader.text("place"), .yaml = reader.text("yaml")};
}

}  // namespace

std::string encode_explain(const ExplainAnswer& explained) {
  json answer = answer_object();
  answer["target"] = explained.target;
  answer["guest"] = explained.guest;
  answer["generation"] = explained.generation;
  answer["decision"] = explained.decision;
  answer["handling"] = explained.handling;
  answer["layer"] = explained.layer;
  answer["reason"] = explained.reason;
  answer["description"] = explained.description;
  answer["rule"] = explained.rule;
  answer["place"] = explained.place;
  answer["note"] = explained.note;
  answer["credential"] = explained.credential;
  answer["would"] = explained.would;
  answer["rules"] = to_json(explained.rules);
  json& layers = answer["layers"] = json::array();
  for (const ExplainedLayer& layer : explained.layers) layers.push_back(to_json(layer));
  if (const auto& injection = explained.injection) {
    answer["injection"] = {{"credential", injection->credential},
                           {"as", injection->as},
                           {"where", injection->where},
                           {"source", injection->source}};
  }
  json& changes = answer["changes"] = json::array();
  for (const ExplainedChange& change : explained.changes)
    changes.push_back({{"what", change.what}, {"place", change.place}, {"yaml", change.yaml}});
  answer["hints"] = explained.hints;
  return dump(answer);
}

Result<ExplainAnswer> decode_explain(std::string_view text) {
  const json body = TRY(parse_object(text));
  ObjectReader reader(body);
  ExplainAnswer answer;
  answer.target = reader.text("target");
  answer.guest = reader.text("guest");
  answer.generation = reader.number("generation", 0, kAny);
  answer.decision = reader.text("decision");
  answer.handling = reader.text("handling");
  answer.layer = reader.text("layer");
  answer.reason = reader.text("reason");
  answer.description = reader.text("description");
  answer.rule = reader.text("rule");
  answer.place = reader.text("place");
  answer.note = reader.text("note");
  answer.credential = reader.text("credential");
  answer.would = reader.text("would");
  answer.rules = rules_from(reader.array("rules"));
  for (const json& entry : reader.array_or_none("layers")) {
    if (entry.is_object()) answer.layers.push_back(layer_from(entry));
  }
  if (body.contains("injection")) answer.injection = injection_from(reader.object("injection"));
  for (const json& entry : reader.array_or_none("changes")) {
    if (entry.is_object()) answer.changes.push_back(change_from(entry));
  }
  for (const json& hint : reader.array("hints")) {
    if (hint.is_string()) answer.hints.push_back(hint.get<std::string>());
  }
  TRY_VOID(reader.finish());
  return answer;
}

std::string encode_policies(std::uint64_t generation, const std::vector<policy::PolicySummary>& policies) {
  json answer = answer_object();
  answer["generation"] = generation;
  json& list = answer["policies"] = json::array();
  for (const auto& policy : policies) {
    list.push_back(
        {{"name", policy.name},
         {"kind", policy.kind},
         {"file", policy.file},
         {"line", policy.line},
         {"mode", policy.mode},
         {"guests", policy.guests},
         {"rules",
          {{"allow", policy.allow}, {"review", policy.review}, {"deny", policy.deny}, {"ceiling", policy.ceiling}}}});
  }
  return dump(answer);
}

Result<std::vector<policy::PolicySummary>> decode_policies(std::string_view text) {
  const json body = TRY(parse_object(text));
  ObjectReader reader(body);
  std::vector<policy::PolicySummary> policies;
  for (const json& entry : reader.array("policies")) {
    if (!entry.is_object()) continue;
    ObjectReader fields(entry);
    policy::PolicySummary policy;
    policy.name = fields.text("name");
    policy.kind = fields.text("kind");
    policy.file = fields.text("file");
    policy.line = static_cast<int>(fields.number("line", 0, 1 << 30));
    policy.mode = fields.text("mode");
    policy.guests = fields.text("guests");
    ObjectReader rules(fields.object("rules"));
    policy.allow = rules.number("allow", 0, kAny);
    policy.review = rules.number("review", 0, kAny);
    policy.deny = rules.number("deny", 0, kAny);
    policy.ceiling = rules.number("ceiling", 0, kAny);
    TRY_VOID(fields.finish());
    TRY_VOID(rules.finish());
    policies.push_back(std::move(policy));
  }
  TRY_VOID(reader.finish());
  return policies;
}

}  // namespace enforcer::control
