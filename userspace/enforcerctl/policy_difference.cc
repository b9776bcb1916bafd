#include "enforcerctl/policy_difference.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "enforcerctl/text_diff.h"

namespace enforcer::ctl {
namespace {

using ObjectKey = std::pair<std::string, std::string>;  ///< kind and name

std::map<ObjectKey, const policy::ObjectText*> by_key(const Objects& objects) {
  std::map<ObjectKey, const policy::ObjectText*> keyed;
  for (const policy::ObjectText& object : objects) keyed[{object.kind, object.name}] = &object;
  return keyed;
}

}  // namespace

std::vector<ObjectDifference> differences(const Objects& before, std::string_view before_name, const Objects& after,
                                          std::string_view after_name) {
  constexpr std::string_view kNowhere = "/dev/null";
  const auto old_ones = by_key(before);
  const auto new_ones = by_key(after);
  std::map<ObjectKey, ObjectDifference> found;
  const auto note = [&](const ObjectKey& key, std::string_view change, const policy::ObjectText* was,
                        const policy::ObjectText* is) {
    const auto name = [&](std::string_view set, const policy::ObjectText& object) {
      return fmt::format("{}/{} ({}: {}:{})", key.first, key.second, set, object.file, object.line);
    };
    const std::string was_name = was ? name(before_name, *was) : std::string(kNowhere);
    const std::string is_name = is ? name(after_name, *is) : std::string(kNowhere);
    std::string text = unified_diff({was_name, was ? std::string_view(was->text) : ""},
                                    {is_name, is ? std::string_view(is->text) : ""});
    if (!text.empty()) found[key] = {key.first, key.second, std::string(change), std::move(text)};
  };
  for (const auto& [key, was] : old_ones) {
    const auto is = new_ones.find(key);
    note(key, is == new_ones.end() ? "removed" : "changed", was, is == new_ones.end() ? nullptr : is->second);
  }
  for (const auto& [key, is] : new_ones) {
    if (!old_ones.contains(key)) note(key, "added", nullptr, is);
  }
  std::vector<ObjectDifference> sorted;
  for (auto& [key, difference] : found) sorted.push_back(std::move(difference));
  return sorted;
}

Objects with_replaced(const Objects& before, const Objects& given) {
  const auto replaced = by_key(given);
  Objects after = given;
  for (const policy::ObjectText& object : before) {
    if (!replaced.contains({object.kind, object.name})) after.push_back(object);
  }
  return after;
}

std::vector<policy::SourceText> sources_of(const Objects& objects) {
  std::vector<policy::SourceText> sources;
  for (const policy::ObjectText& object : objects) {
    const std::string above(static_cast<std::size_t>(object.line - 1), '\n');
    sources.push_back({.name = object.file, .text = above + object.text, .origin = object.origin});
  }
  return sources;
}

}  // namespace enforcer::ctl
