#include "hostproto/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "hostproto/messages.h"

namespace enforcer::hostproto {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxLine = 4096;

constexpr std::array<std::pair<Errc, std::string_view>, 7> kErrorCodes{{
    {Errc::kInvalid, "invalid"},
    {Errc::kNotFound, "not_found"},
    {Errc::kConflict, "conflict"},
    {Errc::kDenied, "denied"},
    {Errc::kUnavailable, "unavailable"},
    {Errc::kTimeout, "timeout"},
    {Errc::kIo, "io"},
}};

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, ascii::is_printable);
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// nlohmann keeps the last of two equal keys: two readers of one packet could then see different messages.
class RepeatedKeys {
 public:
  bool operator()(int /*depth*/, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) {
      seen_.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      seen_.pop_back();
    } else if (event == json::parse_event_t::key) {
      found_ |= !seen_.back().insert(parsed.get<std::string>()).second;
    }
    return true;
  }
  [[nodiscard]] bool found() const { return found_; }

 private:
  std::vector<std::set<std::string>> seen_;
  bool found_ = false;
};

}  // namespace

Result<Fields> Fields::parse(std::string_view packet) {
  if (packet.size() > kMaxMessage) return fail(Errc::kInvalid, "message of more than 64 KiB");
  RepeatedKeys repeated;
  json parsed = json::parse(packet, std::ref(repeated), /*allow_exceptions=*/false);
  if (parsed.is_discarded() || !parsed.is_object()) return fail(Errc::kInvalid, "message is not a JSON object");
  if (repeated.found()) return fail(Errc::kInvalid, "message repeats a field");
  Fields fields(std::move(parsed));
  fields.type_ = fields.text("type", 64);
  if (fields.wrong_) return std::unexpected(*fields.wrong_);
  return fields;
}

const json* Fields::find(const char* name) {
  known_.insert(name);
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

void Fields::refuse(const char* name, std::string_view why) {
  if (!wrong_) wrong_ = Error{Errc::kInvalid, fmt::format("field {} {}", name, why)};
}

std::uint64_t Fields::number(const char* name, std::uint64_t low, std::uint64_t high) {
  const json* value = find(name);
  if (value == nullptr || !value->is_number_unsigned()) {
    refuse(name, "must be a whole number");
    return low;
  }
  const auto number = value->get<std::uint64_t>();
  if (number < low || number > high) refuse(name, fmt::format("must be {}-{}", low, high));
  return number;
}

bool Fields::flag(const char* name) {
  const json* value = find(name);
  if (value == nullptr || !value->is_boolean()) {
    refuse(name, "must be true or false");
    return false;
  }
  return value->get<bool>();
}

std::string Fields::text(const char* name, std::size_t limit) {
  const json* value = find(name);
  if (value == nullptr || !value->is_string()) {
    refuse(name, "must be a text");
    return {};
  }
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > limit) refuse(name, fmt::format("has more than {} characters", limit));
  if (!is_printable(text)) refuse(name, "must be printable ASCII");
  return text;
}

std::string Fields::line(const char* name) {
  const json* value = find(name);
  if (value == nullptr || !value->is_string()) {
    refuse(name, "must be a text");
    return {};
  }
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > kMaxLine || has_control(text)) refuse(name, "must be one line of at most 4096 bytes");
  return text;
}

Slot Fields::slot(const char* name, std::uint32_t low) {
  return Slot{static_cast<std::uint32_t>(number(name, low, 0xffffff))};
}

Epoch Fields::epoch(const char* name) {
  const auto parsed = parse_epoch(text(name, 16));
  if (!parsed) refuse(name, "must be an epoch of 16 hex digits");
  return parsed.value_or(Epoch{});
}

std::optional<GuestName> Fields::guest_name(const char* name) {
  auto parsed = GuestName::parse(text(name, 40));
  if (!parsed) {
    refuse(name, "must be a guest's name");
    return std::nullopt;
  }
  return *std::move(parsed);
}

IpAddress Fields::address(const char* name) {
  const auto parsed = IpAddress::parse(text(name, 45));
  if (!parsed) refuse(name, "must be an IP address");
  return parsed.value_or(IpAddress{});
}

Labels Fields::labels(const char* name) {
  const json* value = find(name);
  if (value == nullptr || !value->is_object()) {
    refuse(name, "must be an object");
    return {};
  }
  if (value->size() > kMaxLabels) refuse(name, "has more than 64 labels");
  Labels labels;
  for (const auto& [key, entry] : value->items()) {
    const std::string text = entry.is_string() ? entry.get<std::string>() : std::string();
    const bool valid = entry.is_string() && !key.empty() && key.size() <= kMaxLabel && text.size() <= kMaxLabel &&
                       is_printable(key) && is_printable(text);
    if (!valid) refuse(name, "must hold printable texts of at most 128 characters");
    labels.emplace(key, text);
  }
  return labels;
}

std::vector<std::string> Fields::label_keys(const char* name) {
  const json* value = find(name);
  if (value == nullptr || !value->is_array()) {
    refuse(name, "must be an array");
    return {};
  }
  if (value->size() > kMaxLabels) refuse(name, "has more than 64 labels");
  std::vector<std::string> keys;
  for (const json& entry : *value) {
    const std::string key = entry.is_string() ? entry.get<std::string>() : std::string();
    if (key.empty() || key.size() > kMaxLabel || !is_printable(key)) {
      refuse(name, "must hold printable texts of at most 128 characters");
    }
    keys.push_back(key);
  }
  return keys;
}

std::vector<Workspace> Fields::workspaces(const char* name) {
  const json* value = find(name);
  std::vector<Workspace> workspaces;
  if (value == nullptr || !value->is_array()) {
    refuse(name, "must be a list");
    return workspaces;
  }
  for (const json& entry : *value) {
    if (!entry.is_object()) {
      refuse(name, "must hold objects");
      break;
    }
    Fields inner(entry);
    Workspace workspace{.path = inner.line("path")};
    const std::string access = inner.text("access", 2);
    if (access == label(Workspace::Access::kReadOnly)) workspace.access = Workspace::Access::kReadOnly;
    if (access != label(workspace.access)) inner.refuse("access", "must be rw or ro");
    if (const auto done = inner.finish(); !done) refuse(name, fmt::format("is wrong: {}", done.error().message));
    workspaces.push_back(std::move(workspace));
  }
  if (const auto good = check_workspaces(workspaces); !good) {
    refuse(name, fmt::format("is wrong: {}", good.error().message));
  }
  return workspaces;
}

std::optional<Error> Fields::error(const char* name) {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) {
    refuse(name, "must be an object");
    return std::nullopt;
  }
  Fields inner(*value);
  const std::string code = inner.text("code", 16);
  Error error{Errc::kIo, inner.line("message")};
  const auto* known = std::ranges::find(kErrorCodes, code, &std::pair<Errc, std::string_view>::second);
  if (known == kErrorCodes.end()) {
    inner.refuse("code", "is not an error code");
  } else {
    error.code = known->first;
  }
  if (const auto done = inner.finish(); !done) refuse(name, fmt::format("is wrong: {}", done.error().message));
  return error;
}

Result<> Fields::finish() {
  if (wrong_) return std::unexpected(*wrong_);
  for (const auto& item : object_.items()) {
    // The name is not repeated in the message: whoever wrote it may have wanted to be quoted.
    if (!known_.contains(item.key())) return fail(Errc::kInvalid, "message has a field that does not belong there");
  }
  return {};
}

json to_json(const Labels& labels) {
  json object = json::object();
  for (const auto& [key, value] : labels) object[key] = value;
  return object;
}

json to_json(const std::vector<Workspace>& workspaces) {
  json list = json::array();
  for (const Workspace& workspace : workspaces) {
    list.push_back({{"path", workspace.path}, {"access", label(workspace.access)}});
  }
  return list;
}

json to_json(const Error& error) {
  const auto* code = std::ranges::find(kErrorCodes, error.code, &std::pair<Errc, std::string_view>::first);
  ENFORCER_CHECK(code != kErrorCodes.end());
  return {{"code", code->second}, {"message", one_line(error.message)}};
}

std::string one_line(std::string_view text) {
  std::string line(text.substr(0, kMaxLine));
  std::ranges::replace_if(line, [](char c) { return has_control({&c, 1}); }, ' ');
  return line;
}

std::string to_packet(const json& object) {
  return object.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

}  // namespace enforcer::hostproto
