// The schema: what an object may contain is a table, not code, so that the reader, its error messages, its "did you
// mean", the JSON Schema for editors and the reference pages come from the same lines.
//
//   constexpr Field<GitMatcher> kGitFields[] = {
//       {"repos", Need::kRequired, shape::some(kRepository, "list of owner/name patterns"), "The repositories.",
//        [](const YamlNode& n, GitMatcher& g, Reader& r) { … }},
//   };
//   read_object(node, "git matcher", kGitFields, matcher, reader);
//
// A reader function reports what is wrong and leaves its target alone: reading always goes on.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/deadline.h"
#include "policy/diagnostic.h"
#include "policy/shape.h"
#include "policy/yaml_reader.h"

namespace enforcer::policy {

/// Where problems of the file that is being read go.
class Reader {
 public:
  Reader(std::string_view file, Diagnostics& out) : file_(file), out_(out) {}
  [[nodiscard]] std::string_view file() const { return file_; }
  [[nodiscard]] std::size_t errors() const { return out_.errors(); }
  void report(Place place, Code code, std::string message, std::string hint = {}) {
    out_.report(file_, place, code, std::move(message), std::move(hint));
  }

 private:
  std::string_view file_;
  Diagnostics& out_;
};

template <class T>
struct Field {
  std::string_view key;
  Need need;
  Shape shape;             ///< what the value is
  std::string_view about;  ///< what it means, for the author of a file
  void (*read)(const YamlNode& value, T& into, Reader& reader);
};

/// Several tables as one, for objects that share fields.
template <class T>
std::vector<Field<T>> joined(std::initializer_list<std::span<const Field<T>>> tables) {
  std::vector<Field<T>> out;
  for (const auto table : tables) out.insert(out.end(), table.begin(), table.end());
  return out;
}

/// What a table says, without how it is read.
template <class Table>
std::vector<FieldShape> shapes_of(const Table& table) {
  std::vector<FieldShape> out;
  for (const auto& field : table) out.push_back({field.key, field.need, field.shape, field.about});
  return out;
}
/// The same as a FieldTable.
template <const auto& table>
std::vector<FieldShape> fields_of() {
  return shapes_of(table);
}

/// Reports and says false when the node is not a mapping. `what` is its name in messages: "http matcher".
[[nodiscard]] bool expect_map(const YamlNode& node, std::string_view what, Reader& reader);
void report_unknown_key(const YamlMember& member, std::string_view what, std::span<const std::string_view> known,
                        Reader& reader);
void report_missing_key(Place place, std::string_view key, std::string_view shape, std::string_view what,
                        Reader& reader);

/// Reads a mapping by its table. False when anything in it was wrong.
template <class T>
bool read_object(const YamlNode& node, std::string_view what, std::type_identity_t<std::span<const Field<T>>> fields,
                 T& into, Reader& reader) {
  if (!expect_map(node, what, reader)) return false;
  const std::size_t errors_before = reader.errors();
  std::vector<std::string_view> keys;
  for (const Field<T>& field : fields) keys.push_back(field.key);
  std::vector<std::string_view> present;
  for (const YamlMember& member : node.members) {
    std::size_t i = 0;
    while (i < fields.size() && fields[i].key != member.key) ++i;
    if (i == fields.size()) {
      report_unknown_key(member, what, keys, reader);
      continue;
    }
    present.push_back(member.key);
    fields[i].read(member.value, into, reader);
  }
  for (const Field<T>& field : fields) {
    const bool missing =
        field.need == Need::kRequired && std::find(present.begin(), present.end(), field.key) == present.end();
    if (missing) report_missing_key(node.place, field.key, field.shape.to_string(), what, reader);
  }
  return reader.errors() == errors_before;
}

/// The items of a list; reports and yields nothing when the node is not one.
[[nodiscard]] std::span<const YamlNode> list_items(const YamlNode& node, std::string_view what, Reader& reader);
/// The same, and an empty list is reported too.
[[nodiscard]] std::span<const YamlNode> some_items(const YamlNode& node, std::string_view what, Reader& reader);

/// The text of a scalar; reports and yields nothing otherwise.
[[nodiscard]] std::optional<std::string_view> read_text(const YamlNode& node, std::string_view what, Reader& reader);

/// `true` or `false`, and no other spelling.
[[nodiscard]] std::optional<bool> read_truth(const YamlNode& node, Reader& reader);

/// A decimal number without sign, leading zeros or separators.
[[nodiscard]] std::optional<std::uint64_t> read_number(const YamlNode& node, std::uint64_t least, std::uint64_t most,
                                                       Reader& reader);

/// A number of bytes: "1048576", "256Ki", "256Mi", "2Gi", "1Ti". At least 1.
[[nodiscard]] std::optional<std::uint64_t> read_size(const YamlNode& node, Reader& reader);

/// "250ms", "10s", "15m", "1h", "7d": one number, one unit; 1 ms to 365 days.
[[nodiscard]] std::optional<std::chrono::milliseconds> read_duration(const YamlNode& node, Reader& reader);

/// "2026-12-31T00:00:00Z": RFC 3339, UTC only, whole seconds (a local time would mean something else on the next
/// machine).
[[nodiscard]] std::optional<WallClock::time_point> read_time(const YamlNode& node, Reader& reader);

/// One of `words`; its index.
[[nodiscard]] std::optional<std::size_t> read_choice(const YamlNode& node, std::span<const std::string_view> words,
                                                     Reader& reader);

/// May be the name of an object or rule, a metric label and a part of a file name: 1-63 of [a-z0-9._-], first and last
/// a letter or digit.
[[nodiscard]] bool is_name(std::string_view text);
[[nodiscard]] std::optional<std::string> read_name(const YamlNode& node, std::string_view what, Reader& reader);

/// The number a whole text is; none for anything but plain decimal digits that fit.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text);

}  // namespace enforcer::policy
