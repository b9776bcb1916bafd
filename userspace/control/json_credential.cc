// What is said about credentials, in both directions. The value of one travels as the whole body of its request: in
// JSON it would be copied by a parser that does not wipe. (Placeholders are no values.)
#include <limits>

#include "control/json.h"
#include "control/json_object.h"

namespace enforcer::control {
namespace {

using nlohmann::json;

std::vector<std::string> texts_of(ObjectReader& reader, const char* name) {
  std::vector<std::string> texts;
  for (const json& entry : reader.array(name)) {
    if (entry.is_string()) {
      texts.push_back(entry.get<std::string>());
    } else {
      reader.refuse(name, "has an entry that is not a string");
    }
  }
  return texts;
}

std::string expiry_text(const std::optional<WallClock::time_point>& expires) {
  return expires ? format_time(*expires) : "";
}

std::optional<WallClock::time_point> expiry_of(ObjectReader& reader) {
  const std::string text = reader.text("expires");
  if (text.empty()) return std::nullopt;
  const auto time = parse_time(text);
  if (time) return *time;
  reader.refuse("expires", time.error().message);
  return std::nullopt;
}

Result<CredentialInfo> credential_from(const json& entry) {
  ObjectReader reader(entry);
  CredentialInfo info;
  info.name = reader.text("name");
  info.source = reader.text("source");
  info.hosts = texts_of(reader, "hosts");
  info.kinds = texts_of(reader, "kinds");
  info.state = reader.text("state");
  info.error = reader.text("error");
  info.file = reader.text("file");
  info.line = static_cast<int>(reader.number("line", 0, std::numeric_limits<int>::max()));
  info.expires = expiry_of(reader);
  TRY_VOID(reader.finish());
  return info;
}

}  // namespace

std::string encode_credentials(const std::vector<CredentialInfo>& credentials) {
  json answer = answer_object();
  json& list = answer["credentials"] = json::array();
  for (const CredentialInfo& info : credentials) {
    list.push_back({{"name", info.name},
                    {"source", info.source},
                    {"hosts", info.hosts},
                    {"kinds", info.kinds},
                    {"state", info.state},
                    {"error", info.error},
                    {"expires", expiry_text(info.expires)},
                    {"file", info.file},
                    {"line", info.line}});
  }
  return dump(answer);
}

Result<std::vector<CredentialInfo>> decode_credentials(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  std::vector<CredentialInfo> credentials;
  for (const json& entry : reader.array("credentials")) {
    auto info = entry.is_object() ? credential_from(entry) : fail(Errc::kInvalid, "not an object");
    if (!info) return not_understood(info.error());
    credentials.push_back(*std::move(info));
  }
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  return credentials;
}

std::string encode_rotation(const Rotation& rotation) {
  json answer = answer_object();
  answer["changed"] = rotation.changed;
  answer["expires"] = expiry_text(rotation.expires);
  return dump(answer);
}

Result<Rotation> decode_rotation(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  Rotation rotation{.changed = reader.flag("changed"), .expires = expiry_of(reader)};
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  return rotation;
}

std::string encode_credential_test(const CredentialTest& test) {
  json answer = answer_object();
  answer["host"] = test.host;
  answer["port"] = static_cast<std::uint16_t>(test.port);
  answer["path"] = test.path;
  answer["status"] = test.status;
  answer["took_milliseconds"] = test.took.count();
  return dump(answer);
}

Result<CredentialTest> decode_credential_test(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  CredentialTest test;
  test.host = reader.text("host");
  test.port = Port{static_cast<std::uint16_t>(reader.number("port", 1, 65535))};
  test.path = reader.text("path");
  test.status = static_cast<unsigned>(reader.number("status", 100, 599));
  test.took = std::chrono::milliseconds(reader.number("took_milliseconds", 0, kAny32));
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  return test;
}

std::string encode_environment(const Variables& variables) {
  json answer = answer_object();
  answer["environment"] = json(variables);
  return dump(answer);
}

Result<Variables> decode_environment(std::string_view text) {
  const json body = TRY(parse_answer(text));
  ObjectReader reader(body);
  Variables variables;
  for (const auto& [name, value] : reader.object("environment").items()) {
    if (value.is_string()) {
      variables.emplace(name, value.get<std::string>());
    } else {
      reader.refuse("environment", "has a value that is not a string");
    }
  }
  if (const auto good = reader.finish(); !good) return not_understood(good.error());
  return variables;
}

}  // namespace enforcer::control
