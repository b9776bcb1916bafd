// The list of credentials, in both directions. The value of one travels as the whole body of its request: in JSON it
// would be copied by a parser that does not wipe.
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
  if (const std::string expires = reader.text("expires"); !expires.empty()) {
    const auto time = parse_time(expires);
    if (!time) reader.refuse("expires", time.error().message);
    if (time) info.expires = *time;
  }
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
                    {"expires", info.expires ? format_time(*info.expires) : ""},
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

}  // namespace enforcer::control
