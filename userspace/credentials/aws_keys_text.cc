#include "credentials/aws_keys_text.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "credentials/aws_keys.h"
#include "credentials/rfc3339.h"
#include "credentials/wiped_json.h"

namespace enforcer::credentials {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return without_blanks(line);
}

Result<Value> value_of_keys(const AwsKeys& keys) {
  Secret secret = TRY(secret_of(keys));
  return Value{.secret = std::make_shared<const Secret>(std::move(secret)), .expires = std::nullopt};
}

/// A field that may be absent or null, but not something else than a text.
Result<std::string_view> text_member(const WipedJson& object, const char* name) {
  const WipedJson* const member = member_of(object, name);
  if (member == nullptr || member->is_null()) return std::string_view();
  if (const auto text = text_of(member)) return *text;
  return fail(Errc::kInvalid, fmt::format("\"{}\" of the keys is not a text", name));
}

Result<Value> keys_in_json(std::string_view text, WallClock::time_point now) {
  const WipedJson document = WipedJson::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return fail(Errc::kInvalid, "the keys begin with '{' and are not valid JSON");
  const WipedJson* const inside = member_of(document, "Credentials");
  if (inside == nullptr) {
    const WipedJson* const version = member_of(document, "Version");
    if (version == nullptr || !version->is_number_integer() || *version != 1) {
      return fail(Errc::kInvalid, "the JSON has neither \"Version\": 1 nor \"Credentials\"");
    }
  }
  const WipedJson& object = inside == nullptr ? document : *inside;
  const AwsKeys keys{.access_key_id = TRY(text_member(object, "AccessKeyId")),
                     .secret_access_key = TRY(text_member(object, "SecretAccessKey")),
                     .session_token = TRY(text_member(object, "SessionToken"))};
  Value value = TRY(value_of_keys(keys));
  const std::string_view expires = TRY(text_member(object, "Expiration"));
  if (expires.empty()) return value;
  const auto time = parse_rfc3339(expires);
  if (!time) return fail_in("\"Expiration\"", time.error());
  if (*time <= now) return fail(Errc::kInvalid, "the keys have already expired");
  value.expires = *time;
  return value;
}

/// "NAME = VALUE" into the keys; of other names, nothing.
Result<> take_setting(std::string_view line, AwsKeys& keys) {
  const auto equals = line.find('=');
  const std::string_view name = without_blanks(line.substr(0, equals));
  std::string_view* const key = name == "aws_access_key_id"       ? &keys.access_key_id
                                : name == "aws_secret_access_key" ? &keys.secret_access_key
                                : name == "aws_session_token"     ? &keys.session_token
                                                                  : nullptr;
  if (key == nullptr) return {};
  if (!key->empty()) return fail(Errc::kInvalid, fmt::format("a second {}", name));
  *key = without_blanks(line.substr(equals + 1));
  return {};
}

Result<Value> keys_in_file(std::string_view text) {
  AwsKeys keys;
  int number = 0;
  int sections = 0;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    ++number;
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      if (++sections > 1) {
        return fail(Errc::kInvalid, fmt::format("line {} begins a second section: keep the one that is meant", number));
      }
    } else if (!line.contains('=')) {
      return fail(Errc::kInvalid, fmt::format("line {} is no section, comment or NAME = VALUE", number));
    } else if (const auto taken = take_setting(line, keys); !taken) {
      return fail_in(fmt::format("line {}", number), taken.error());
    }
  }
  return value_of_keys(keys);
}

Result<Value> bare_keys(std::string_view text) {
  AwsKeys keys{.access_key_id = take_line(text), .secret_access_key = take_line(text)};
  keys.session_token = take_line(text);
  if (text.empty()) return value_of_keys(keys);
  return fail(Errc::kInvalid, "bare keys have three lines at most: access key id, secret access key, session token");
}

}  // namespace

Result<Value> read_aws_keys(std::string_view text, WallClock::time_point now) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return fail(Errc::kInvalid, "the value is empty");
  text.remove_prefix(first);
  if (text[0] == '{') return keys_in_json(text, now);
  std::string_view rest = text;
  const std::string_view line = take_line(rest);
  const bool is_file = line.contains('=') || line[0] == '[' || line[0] == '#' || line[0] == ';';
  return is_file ? keys_in_file(text) : bare_keys(text);
}

}  // namespace enforcer::credentials
