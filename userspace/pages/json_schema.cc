#include "pages/json_schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

#include "config/config.h"
#include "policy/document_reader.h"
#include "policy/shape.h"

namespace enforcer::pages {
namespace {

using policy::FieldShape;
using policy::Need;
using policy::Shape;
using json = nlohmann::ordered_json;

constexpr const char* kDraft = "http://json-schema.org/draft-07/schema#";
constexpr const char* kComment = "Generated from the tables that the loader reads by (userspace/pages).";

constexpr std::string_view kNumberText = "^(0|[1-9][0-9]{0,18})$";
constexpr std::string_view kSizeText = "^[1-9][0-9]{0,18}(Ki|Mi|Gi|Ti)?$";
constexpr std::string_view kDurationText = "^[1-9][0-9]{0,18}(ms|s|m|h|d)$";
constexpr std::string_view kTimeText = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$";

bool fits(const char* text, std::string_view pattern) {
  return pattern.empty() || std::regex_search(text, std::regex(pattern.begin(), pattern.end()));
}

/// In plain words, and in Markdown for editors that know the word (it is none of draft-07's).
json described(std::string_view about) {
  std::string plain(about);
  std::erase(plain, '`');
  json out = {{"description", plain}};
  if (plain != about) out["markdownDescription"] = about;
  return out;
}

/// One schema, and those that it refers to.
class Writer {
 public:
  json object_of(std::span<const FieldShape> fields) {
    json properties = json::object();
    json required = json::array();
    for (const FieldShape& field : fields) {
      json property = described(field.about);
      property.update(of(field.shape));
      properties[std::string(field.key)] = std::move(property);
      if (field.need == Need::kRequired) required.push_back(field.key);
    }
    json object = {{"type", "object"}, {"additionalProperties", false}};
    if (!required.empty()) object["required"] = std::move(required);
    object["properties"] = std::move(properties);
    return object;
  }

  json take_definitions() { return std::move(definitions_); }

 private:
  json of(const Shape& shape) {
    json schema = by_kind(shape);
    if (!shape.example.empty()) schema["examples"] = json::array({shape.example});
    return schema;
  }

  json by_kind(const Shape& shape) {
    switch (shape.kind) {
      case Shape::Kind::kText:
        return text(shape);
      case Shape::Kind::kScalar:
        return {{"type", {"string", "number", "boolean"}}};
      case Shape::Kind::kTruth:
        return {{"type", {"boolean", "string"}}, {"pattern", "^(true|false)$"}};
      case Shape::Kind::kNumber:
        return or_words({{"type", {"integer", "string"}},
                         {"minimum", shape.least},
                         {"maximum", shape.most},
                         {"pattern", kNumberText}},
                        shape);
      case Shape::Kind::kSize:
        return or_words({{"type", {"integer", "string"}}, {"minimum", 1}, {"pattern", kSizeText}}, shape);
      case Shape::Kind::kDuration:
        return {{"type", "string"}, {"pattern", kDurationText}};
      case Shape::Kind::kTime:
        return {{"type", "string"}, {"pattern", kTimeText}};
      case Shape::Kind::kChoice:
        return {{"enum", words(shape)}};
      case Shape::Kind::kList:
        return or_words(list(shape), shape);
      case Shape::Kind::kMapping:
        return mapping(shape);
      case Shape::Kind::kObject:
        return named(shape);
      case Shape::Kind::kOneKey: {
        json object = object_of(shape.fields());
        object.update({{"minProperties", 1}, {"maxProperties", 1}});
        return object;
      }
      case Shape::Kind::kEither:
        return {{"anyOf", json::array({of(*shape.item), of(*shape.other)})}};
      case Shape::Kind::kOpen:
        return {{"type", {"object", "array"}}};
    }
    return {};
  }

  static json text(const Shape& shape) {
    json types = json::array({"string"});
    if (fits("1.5", shape.pattern)) {
      types.push_back("number");
    } else if (fits("1", shape.pattern)) {
      types.push_back("integer");
    }
    // Unquoted, these two are no texts to a YAML reader, and texts to the loader like all others.
    if (fits("true", shape.pattern) || fits("false", shape.pattern)) types.push_back("boolean");
    json schema = {{"type", types.size() == 1 ? json("string") : std::move(types)}};
    if (!shape.pattern.empty()) schema["pattern"] = shape.pattern;
    return or_words(std::move(schema), shape);
  }

  /// As texts, and as what YAML makes of those words without quotes.
  static json words(const Shape& shape) {
    json out = json::array();
    for (const std::string_view word : shape.words) {
      if (word == "true" || word == "false") out.push_back(word == "true");
      out.push_back(word);
    }
    return out;
  }

  static json or_words(json schema, const Shape& shape) {
    if (shape.words.empty()) return schema;
    json choices = json::array({std::move(schema)});
    json others = json::array();
    for (const std::string_view word : shape.words) others.push_back(word == "null" ? json(nullptr) : json(word));
    choices.push_back({{"enum", std::move(others)}});
    return {{"anyOf", std::move(choices)}};
  }

  json list(const Shape& shape) {
    json schema = {{"type", "array"}};
    if (shape.least > 0) schema["minItems"] = shape.least;
    if (shape.other == nullptr) {
      schema["items"] = of(*shape.item);
    } else {
      schema["items"] = json::array({of(*shape.other)});
      schema["additionalItems"] = of(*shape.item);
    }
    return schema;
  }

  json mapping(const Shape& shape) {
    json schema = {{"type", "object"}};
    if (shape.least > 0) schema["minProperties"] = shape.least;
    if (!shape.pattern.empty()) schema["propertyNames"] = {{"pattern", shape.pattern}};
    schema["additionalProperties"] = of(*shape.item);
    return schema;
  }

  /// An object with what several of its keys say together.
  json complete(const Shape& shape) {
    json object = object_of(shape.fields());
    if (shape.belongings == nullptr) return object;
    const std::string beside(shape.belongings->beside);
    json together = json::array();
    for (const policy::Belonging& belonging : shape.belongings->keys) {
      const std::string key(belonging.key);
      json one = {
          {"if", {{"properties", {{beside, {{"enum", belonging.values}}}}}, {"required", json::array({beside})}}}};
      if (belonging.need == Need::kRequired) one["then"] = {{"required", json::array({key})}};
      // An author begins with any key: before `as` is there, nothing is wrong.
      one["else"] = {{"if", {{"required", json::array({beside})}}}, {"then", {{"properties", {{key, false}}}}}};
      together.push_back(std::move(one));
    }
    object["allOf"] = std::move(together);
    return object;
  }

  json named(const Shape& shape) {
    if (shape.fields == nullptr) return {{"type", "object"}};
    if (shape.definition.empty()) return complete(shape);
    const std::string name(shape.definition);
    if (!definitions_.contains(name)) {
      json object = complete(shape);
      definitions_[name] = std::move(object);
    }
    return {{"$ref", "#/definitions/" + name}};
  }

  json definitions_ = json::object();
};

json head(const char* title, const char* description) {
  return {{"$schema", kDraft}, {"$comment", kComment}, {"title", title}, {"description", description}};
}

std::string written(const json& schema) {
  return schema.dump(2) + "\n";
}

}  // namespace

std::string policy_schema() {
  Writer writer;
  json schema = head("Enforcer policies and credentials", "One object; a file may hold several, separated by `---`.");
  schema.update(writer.object_of(policy::envelope_fields()));
  json by_kind = json::array();
  for (const policy::KindShape& kind : policy::kind_shapes()) {
    json spec = described(kind.about);
    spec.update(writer.object_of(kind.fields()));
    by_kind.push_back({{"if", {{"properties", {{"kind", {{"const", kind.kind}}}}}, {"required", {"kind"}}}},
                       {"then", {{"properties", {{"spec", std::move(spec)}}}}}});
  }
  schema["allOf"] = std::move(by_kind);
  schema["definitions"] = writer.take_definitions();
  return written(schema);
}

std::string config_schema() {
  Writer writer;
  json schema = head("Enforcer configuration", "enforcer.yaml: how one instance runs. Every key has a default.");
  schema.update(writer.object_of(config::config_fields()));
  return written(schema);
}

}  // namespace enforcer::pages
