#include "git/commit.h"

namespace enforcer::git {
namespace {

/// Takes "WORD id\n"; none when something else stands there.
std::optional<ObjectId> take_line(std::string_view& rest, std::string_view word, std::size_t id_size) {
  const std::size_t end = word.size() + 2 * id_size;
  if (!rest.starts_with(word) || rest.size() <= end || rest[end] != '\n') return std::nullopt;
  const auto id = ObjectId::parse(rest.substr(word.size(), 2 * id_size));
  if (id) rest.remove_prefix(end + 1);
  return id;
}

}  // namespace

std::optional<std::vector<ObjectId>> parents_of(std::string_view content, std::size_t id_size) {
  if (!take_line(content, "tree ", id_size)) return std::nullopt;
  std::vector<ObjectId> parents;
  while (const auto parent = take_line(content, "parent ", id_size)) parents.push_back(*parent);
  if (!content.starts_with("author ")) return std::nullopt;
  return parents;
}

}  // namespace enforcer::git
