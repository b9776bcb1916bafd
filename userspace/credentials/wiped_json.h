// WipedJson: a JSON document that a secret is part of. Its texts, and the room in which they were put together, are
// wiped when they are given back.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/wiping_allocator.h"

namespace enforcer::credentials {

using WipedJson = nlohmann::basic_json<std::map, std::vector, WipedString, bool, std::int64_t, std::uint64_t, double,
                                       WipingAllocator>;

/// The member of that name; null: there is none, or this is no object.
inline const WipedJson* member_of(const WipedJson& object, std::string_view name) {
  const auto found = object.find(WipedString(name));
  return found == object.end() ? nullptr : &*found;
}

/// A view of the text that the member is; nothing when it is none.
inline std::optional<std::string_view> text_of(const WipedJson* member) {
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return member->get_ref<const WipedString&>();
}

}  // namespace enforcer::credentials
