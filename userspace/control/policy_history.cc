#include "control/policy_history.h"

#include "control/json.h"
#include "control/json_object.h"

namespace enforcer::control {
namespace {

using nlohmann::json;

GenerationInfo generation_from(const json& entry, Result<>& good) {
  ObjectReader reader(entry);
  GenerationInfo generation{.first = reader.number("first", 0, kAny),
                            .last = reader.number("last", 0, kAny),
                            .cause = reader.text("cause"),
                            .user = reader.text("user"),
                            .digest = reader.text("digest"),
                            .in_force = reader.flag("in_force")};
  const auto time = parse_time(reader.text("time"));
  if (time) generation.time = *time;
  if (!time) reader.refuse("time", time.error().message);
  if (entry.contains("uid") && !entry["uid"].is_null())
    generation.uid = static_cast<uid_t>(reader.number("uid", 0, kAny32));
  for (const json& file : reader.array("files")) {
    if (!file.is_object()) continue;
    ObjectReader one(file);
    generation.sources.push_back(
        {.name = one.text("name"), .applied = one.flag("applied"), .sha256 = one.text("sha256")});
    if (const auto read = one.finish(); !read && good) good = read;
  }
  if (const auto read = reader.finish(); !read && good) good = read;
  return generation;
}

}  // namespace

bool is_for_viewers(const PolicyText& object) {
  return object.kind == "Policy" || object.kind == "Guardrail";
}

std::vector<GenerationInfo> for_viewers(std::vector<GenerationInfo> generations) {
  for (GenerationInfo& generation : generations) {
    for (SourceInfo& source : generation.sources) {
      if (!source.holds_credentials) continue;
      source.sha256.clear();
      generation.digest.clear();
    }
  }
  return generations;
}

std::string encode_generations(const std::vector<GenerationInfo>& generations) {
  json answer = answer_object();
  json& list = answer["generations"] = json::array();
  for (const GenerationInfo& generation : generations) {
    json entry{{"first", generation.first},
               {"last", generation.last},
               {"time", format_time(generation.time)},
               {"cause", generation.cause},
               {"uid", generation.uid ? json(*generation.uid) : json()},
               {"user", generation.user},
               {"digest", generation.digest},
               {"in_force", generation.in_force},
               {"files", json::array()}};
    for (const SourceInfo& source : generation.sources) {
      entry["files"].push_back({{"name", source.name}, {"applied", source.applied}, {"sha256", source.sha256}});
    }
    list.push_back(std::move(entry));
  }
  return dump(answer);
}

Result<std::vector<GenerationInfo>> decode_generations(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  std::vector<GenerationInfo> generations;
  Result<> good;
  for (const json& entry : reader.array("generations")) {
    if (entry.is_object()) generations.push_back(generation_from(entry, good));
  }
  if (good) good = reader.finish();
  if (!good) return not_understood(good.error());
  return generations;
}

std::string encode_texts(const PolicyTexts& texts) {
  json answer = answer_object();
  answer["generation"] = texts.generation;
  json& list = answer["objects"] = json::array();
  for (const PolicyText& object : texts.objects) {
    list.push_back({{"kind", object.kind},
                    {"name", object.name},
                    {"file", object.file},
                    {"line", object.line},
                    {"applied", object.applied},
                    {"text", object.text}});
  }
  return dump(answer);
}

Result<PolicyTexts> decode_texts(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  PolicyTexts texts{.generation = reader.number("generation", 0, kAny), .objects = {}};
  for (const json& entry : reader.array("objects")) {
    if (!entry.is_object()) continue;
    ObjectReader object(entry);
    texts.objects.push_back({.kind = object.text("kind"),
                             .name = object.text("name"),
                             .file = object.text("file"),
                             .line = static_cast<int>(object.number("line", 1, 1 << 30)),
                             .applied = object.flag("applied"),
                             .text = object.text("text")});
    if (const auto good = object.finish(); !good) return not_understood(good.error());
  }
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  return texts;
}

}  // namespace enforcer::control
