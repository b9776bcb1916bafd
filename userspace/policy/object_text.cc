#include "policy/object_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/yaml_reader.h"

namespace enforcer::policy {
namespace {

struct Piece {
  int line = 1;
  std::string text;
};

/// "---", alone or with a comment or the document's first line behind it (YAML 1.2.2, 9.1.4).
bool separates(std::string_view line) {
  constexpr std::string_view kMark = "---";
  if (!line.starts_with(kMark)) return false;
  return line.size() == kMark.size() || line[kMark.size()] == ' ' || line[kMark.size()] == '\n' ||
         line[kMark.size()] == '\r';
}

std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces(1);
  int number = 1;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline == std::string_view::npos ? newline : newline + 1);
    text.remove_prefix(line.size());
    if (separates(line)) {
      line.remove_prefix(3);
      const bool bare = line.find_first_not_of(" \r\n") == std::string_view::npos;
      pieces.push_back({.line = bare ? number + 1 : number, .text = bare ? "" : std::string(line.substr(1))});
    } else {
      pieces.back().text += line;
    }
    ++number;
  }
  return pieces;
}

std::string text_at(const YamlNode& map, std::string_view key) {
  const auto found = std::ranges::find(map.members, key, &YamlMember::key);
  return found == map.members.end() ? "" : found->value.text;
}

}  // namespace

Result<std::vector<ObjectText>> split_objects(std::span<const SourceText> sources) {
  std::vector<ObjectText> objects;
  for (const SourceText& source : sources) {
    if (source.refusal) return fail(Errc::kInvalid, refusals_of({&source, 1}).front().to_string());
    for (Piece& piece : pieces_of(source.text)) {
      Diagnostics problems;
      const auto documents = read_yaml(source.name, piece.text, problems);
      if (problems.has_errors()) return fail(Errc::kInvalid, problems.take().front().to_string());
      if (documents.empty()) continue;  // only comments between two separators
      const YamlNode& document = documents.front();
      const auto metadata = std::ranges::find(document.members, "metadata", &YamlMember::key);
      const std::string name = metadata == document.members.end() ? "" : text_at(metadata->value, "name");
      if (documents.size() != 1 || name.empty()) {
        return fail(Errc::kInvalid,
                    fmt::format("{}:{}: objects have a kind and a name, and are apart by lines of '---'", source.name,
                                piece.line));
      }
      objects.push_back({.kind = text_at(document, "kind"),
                         .name = name,
                         .file = source.name,
                         .line = piece.line,
                         .text = std::move(piece.text),
                         .origin = source.origin});
    }
  }
  return objects;
}

}  // namespace enforcer::policy
