// The JSON of a change of labels: {"set": {"role": "agent"}, "remove": ["team"]}, of which either may be left out.
#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "control/json.h"
#include "control/json_object.h"

namespace enforcer::control {
namespace {

using nlohmann::json;

/// As hostd keeps them.
bool is_label_text(std::string_view text) {
  return text.size() <= hostproto::kMaxLabel && std::ranges::all_of(text, ascii::is_printable);
}

bool is_label_key(std::string_view key) {
  return !key.empty() && is_label_text(key);
}

/// More than any guest may have: hostd would take the message for broken.
void refuse_as_too_many(ObjectReader& reader, const char* name) {
  reader.refuse(name, fmt::format("has more than {} labels", hostproto::kMaxLabels));
}

std::vector<std::string> keys_from(ObjectReader& reader, const char* name) {
  std::vector<std::string> keys;
  const json& entries = reader.array_or_none(name);
  if (entries.size() > hostproto::kMaxLabels) {
    refuse_as_too_many(reader, name);
    return keys;
  }
  for (const json& entry : entries) {
    if (!entry.is_string() || !is_label_key(entry.get<std::string>())) {
      reader.refuse(name, "has an entry that is not the key of a label");
      return {};
    }
    keys.push_back(entry.get<std::string>());
  }
  return keys;
}

}  // namespace

std::string encode_label_change(const LabelChange& change) {
  return dump({{"set", json(change.set)}, {"remove", json(change.remove)}});
}

Result<LabelChange> decode_label_change(std::string_view text) {
  const json body = TRY(parse_object(text));
  ObjectReader reader(body);
  LabelChange change{.set = reader.labels_or_none("set"), .remove = keys_from(reader, "remove")};
  if (change.set.size() > hostproto::kMaxLabels) refuse_as_too_many(reader, "set");
  for (const auto& [key, value] : change.set) {
    if (!is_label_key(key) || !is_label_text(value)) {
      reader.refuse(
          "set", fmt::format("has a label that is not printable, or longer than {} characters", hostproto::kMaxLabel));
    }
  }
  for (const std::string& key : change.remove) {
    if (change.set.contains(key)) reader.refuse("remove", "has a label that is also set");
  }
  TRY_VOID(reader.finish_strictly());
  if (change.set.empty() && change.remove.empty()) return fail(Errc::kInvalid, "no label is set or removed");
  return change;
}

}  // namespace enforcer::control
