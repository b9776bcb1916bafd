#include "pages/markdown.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pages/reference.h"

namespace enforcer::pages {
namespace {

/// In a cell of a table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string shape_cell(const Key& key) {
  std::string out = cell(key.shape);
  if (!key.example.empty()) out += fmt::format(", such as `{}`", cell(key.example));
  if (key.required) out += "; **required**";
  return out;
}

std::string heading(const Section& section) {
  const bool place_is_title = section.places.size() == 1 && section.places.front() == section.title;
  std::string out =
      place_is_title ? fmt::format("\n### `{}`\n", section.title) : fmt::format("\n### {}\n", section.title);
  if (!section.note.empty()) out += fmt::format("\n{}\n", section.note);
  if (place_is_title || section.places.empty() || section.places.front() == "spec") return out;
  return out + fmt::format("\nStands in `{}`.\n", fmt::join(section.places, "`, `"));
}

void append_tables(std::string& out, const std::vector<Section>& sections) {
  for (const Section& section : sections) {
    bool split = false;
    for (const Key& key : section.keys) split = split || !key.in.empty();
    out += heading(section);
    out += split ? "\n| key | in | is | means |\n| --- | --- | --- | --- |\n"
                 : "\n| key | is | means |\n| --- | --- | --- |\n";
    for (const Key& key : section.keys) {
      const std::string in = key.in.empty() ? "all" : fmt::format("{}", fmt::join(key.in, ", "));
      out += split ? fmt::format("| `{}` | {} | {} | {} |\n", key.name, in, shape_cell(key), cell(key.about))
                   : fmt::format("| `{}` | {} | {} |\n", key.name, shape_cell(key), cell(key.about));
    }
  }
}

constexpr std::string_view kGenerated =
    "Generated from the tables that the loader reads by: `cmake --build build/asan --target write_pages`.\n";

}  // namespace

std::string policy_reference() {
  std::string out = "# Reference of the policy language\n\n";
  out +=
      "Every key, where it stands, what it is and what it means. [README.md](README.md) tells the same as a story, "
      "with examples; [diagnostics.md](diagnostics.md) explains what the loader says.\n\n";
  out += kGenerated;
  out += "\n## Policies and guardrails\n";
  append_tables(out, policy_sections());
  out += "\n## Credentials\n";
  append_tables(out, credential_sections());
  return out;
}

std::string config_reference() {
  std::string out = "# Reference of enforcer.yaml\n\n";
  out += "[enforcer.yaml](enforcer.yaml) is the same with all defaults.\n\n";
  out += kGenerated;
  append_tables(out, config_sections());
  return out;
}

}  // namespace enforcer::pages
