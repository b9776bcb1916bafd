#include "control/json_object.h"

#include <fmt/format.h>

#include <vector>

#include "base/text.h"
#include "control/json.h"

namespace enforcer::control {
namespace {

using nlohmann::json;

const json kNoObject = json::object();
const json kNoArray = json::array();

/// What nobody needs and a hostile request could use to make us recurse or compare for long.
constexpr int kMaxDepth = 16;

}  // namespace

Result<json> parse_object(std::string_view text) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  std::string problem;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth && problem.empty()) problem = "JSON nested too deeply";
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second && problem.empty()) {
      problem = fmt::format("key \"{}\" is given twice", escape_untrusted(parsed.get<std::string>(), 64));
    }
    return problem.empty();
  };
  // A watcher that returns false for a key leaves the key stack unbalanced only after `problem` is set, and then the
  // result is thrown away.
  json value = json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (!problem.empty()) return fail(Errc::kInvalid, problem);
  if (value.is_discarded()) return fail(Errc::kInvalid, "not valid JSON");
  if (!value.is_object()) return fail(Errc::kInvalid, "not a JSON object");
  return value;
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

json answer_object() {
  return {{"api_version", kApiVersion}};
}

std::unexpected<Error> not_understood(const Error& cause) {
  return fail(Errc::kIo, "the daemon's answer was not understood: " + cause.message);
}

Result<json> parse_answer(std::string_view text) {
  auto body = parse_object(text);
  if (!body) return not_understood(body.error());
  if (const auto version = body->find("api_version"); version == body->end() || *version != kApiVersion) {
    return fail(Errc::kIo, fmt::format("the daemon does not speak version {} of the control API", kApiVersion));
  }
  return *std::move(body);
}

ObjectReader::ObjectReader(const json& object) : object_(object) {
  known_.insert("api_version");
}

const json* ObjectReader::find(const char* name) {
  known_.insert(name);
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

void ObjectReader::refuse(const char* name, std::string_view why) {
  if (!wrong_) wrong_ = Error{Errc::kInvalid, fmt::format("field \"{}\" {}", name, why)};
}

std::string ObjectReader::text(const char* name) {
  const json* value = find(name);
  if (value == nullptr || !value->is_string()) {
    refuse(name, value == nullptr ? "is missing" : "is not a string");
    return {};
  }
  return value->get<std::string>();
}

std::string ObjectReader::text_or(const char* name, std::string fallback) {
  return find(name) == nullptr ? std::move(fallback) : text(name);
}

std::uint64_t ObjectReader::number(const char* name, std::uint64_t low, std::uint64_t high) {
  const json* value = find(name);
  if (value == nullptr || !value->is_number_unsigned()) {
    refuse(name, value == nullptr ? "is missing" : "is not a whole number");
    return low;
  }
  const auto number = value->get<std::uint64_t>();
  if (number < low || number > high) {
    refuse(name, fmt::format("is not between {} and {}", low, high));
    return low;
  }
  return number;
}

std::uint64_t ObjectReader::number_or(const char* name, std::uint64_t fallback, std::uint64_t low, std::uint64_t high) {
  return find(name) == nullptr ? fallback : number(name, low, high);
}

bool ObjectReader::flag(const char* name) {
  const json* value = find(name);
  if (value == nullptr || !value->is_boolean()) {
    refuse(name, value == nullptr ? "is missing" : "is not true or false");
    return false;
  }
  return value->get<bool>();
}

bool ObjectReader::flag_or_false(const char* name) {
  return find(name) != nullptr && flag(name);
}

Labels ObjectReader::labels_or_none(const char* name) {
  const json* value = find(name);
  Labels labels;
  if (value == nullptr) return labels;
  if (!value->is_object()) {
    refuse(name, "is not an object");
    return labels;
  }
  for (const auto& [key, text] : value->items()) {
    if (!text.is_string()) {
      refuse(name, "has a value that is not a string");
      return {};
    }
    labels.emplace(key, text.get<std::string>());
  }
  return labels;
}

std::optional<GuestName> ObjectReader::guest_name(const char* name) {
  auto parsed = GuestName::parse(text(name));
  if (!parsed) {
    refuse(name, parsed.error().message);
    return std::nullopt;
  }
  return *std::move(parsed);
}

IpAddress ObjectReader::address(const char* name) {
  const std::string value = text(name);
  if (value.empty()) return {};
  auto parsed = IpAddress::parse(value);
  if (!parsed) {
    refuse(name, "is not an IP address");
    return {};
  }
  return *parsed;
}

const json& ObjectReader::object(const char* name) {
  const json* value = find(name);
  if (value != nullptr && value->is_object()) return *value;
  refuse(name, value == nullptr ? "is missing" : "is not an object");
  return kNoObject;
}

const json& ObjectReader::array(const char* name) {
  const json* value = find(name);
  if (value != nullptr && value->is_array()) return *value;
  refuse(name, value == nullptr ? "is missing" : "is not a list");
  return kNoArray;
}

const json& ObjectReader::array_or_none(const char* name) {
  return object_.contains(name) ? array(name) : kNoArray;
}

Result<> ObjectReader::finish() const {
  if (wrong_) return std::unexpected(*wrong_);
  return {};
}

Result<> ObjectReader::finish_strictly() const {
  TRY_VOID(finish());
  for (const auto& [key, value] : object_.items()) {
    if (!known_.contains(key)) {
      return fail(Errc::kInvalid, fmt::format("unknown field \"{}\"", escape_untrusted(key, 64)));
    }
  }
  return {};
}

}  // namespace enforcer::control
