// What a value of the language may be, as a value: the reader's messages, the JSON Schema for editors and the reference
// pages (userspace/pages) all come from it. It stands in the same line of a table as the function that reads the value,
// and shares its constants with it: words, bounds, the tables of objects.
//
// A shape says less than the reader knows. It may be wider than the language, never narrower: an editor must not call
// wrong what the loader takes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace enforcer::policy {

enum class Need { kOptional, kRequired };
struct FieldShape;
/// The table of an object, whatever its reader reads into. A function, because tables are typed and some are joined.
using FieldTable = std::vector<FieldShape> (*)();

/// A key of an object that belongs to some values of another key only: required there or not, an error elsewhere.
struct Belonging {
  std::string_view key;
  Need need;
  std::span<const std::string_view> values;
};
struct Belongings {
  std::string_view beside;  ///< the other key
  std::span<const Belonging> keys;
};

struct Shape {
  enum class Kind {
    kText,      ///< which YAML readers may take for a number, or for true or false; never for null
    kScalar,    ///< any text, without a pattern
    kTruth,     ///< true or false
    kNumber,    ///< `least` to `most`, or one of `words`
    kSize,      ///< octets, or one of `words`
    kDuration,  ///< "10s"
    kTime,      ///< RFC 3339, UTC
    kChoice,    ///< one of `words`
    kList,      ///< of `item`, at least `least` of them; the first is `other`, where that is set
    kMapping,   ///< keys of the author's own that fit `pattern`, at least `least`; values are `item`
    kObject,    ///< keys of `fields`; without a table any keys
    kOneKey,    ///< exactly one key of `fields`
    kEither,    ///< `item` or `other`
    kOpen,      ///< a mapping or list whose content the language does not fix
  };
  Kind kind = Kind::kText;
  std::string_view called{};   ///< for people; empty: what the kind says by itself
  std::string_view pattern{};  ///< regular expression (ECMA 262) that every valid text, or key of a kMapping, fits
  std::span<const std::string_view> words{};  ///< "null" among them: nothing may stand there
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  const Shape* item = nullptr;
  const Shape* other = nullptr;
  FieldTable fields = nullptr;
  const Belongings* belongings = nullptr;  ///< of a kObject
  std::string_view example{};
  std::string_view definition{};  ///< name under which the schema has the object once for all places; empty: in place

  /// The same with an example, as it would stand in a file.
  [[nodiscard]] constexpr Shape like(std::string_view text) const {
    Shape copy = *this;
    copy.example = text;
    return copy;
  }
  /// The same object with keys that belong to values of another.
  [[nodiscard]] constexpr Shape with(const Belongings& keys) const {
    Shape copy = *this;
    copy.belongings = &keys;
    return copy;
  }
  /// As a message calls it: "list of hosts", "allow, review or deny".
  [[nodiscard]] std::string to_string() const;
};

struct FieldShape {
  std::string_view key;
  Need need;
  Shape shape;
  std::string_view about;  ///< sentences for the author of a file, in Markdown
};

namespace shape {

using Words = std::span<const std::string_view>;

constexpr Shape text(std::string_view called = "text", std::string_view pattern = {}) {
  return {.kind = Shape::Kind::kText, .called = called, .pattern = pattern};
}
constexpr Shape scalar(std::string_view called) {
  return {.kind = Shape::Kind::kScalar, .called = called};
}
/// What is_name() says yes to.
constexpr Shape name(std::string_view called = "name") {
  return text(called, "^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$");
}
constexpr Shape truth() {
  return {.kind = Shape::Kind::kTruth};
}
constexpr Shape number(std::uint64_t least, std::uint64_t most, std::string_view called = "number", Words words = {}) {
  return {.kind = Shape::Kind::kNumber, .called = called, .words = words, .least = least, .most = most};
}
constexpr Shape size(std::string_view called = "size", Words words = {}) {
  return {.kind = Shape::Kind::kSize, .called = called, .words = words, .example = "256Mi"};
}
constexpr Shape duration() {
  return {.kind = Shape::Kind::kDuration, .example = "10m"};
}
constexpr Shape time() {
  return {.kind = Shape::Kind::kTime, .example = "2026-12-31T00:00:00Z"};
}
constexpr Shape choice(Words words) {
  return {.kind = Shape::Kind::kChoice, .words = words};
}
constexpr Shape list(const Shape& item, std::string_view called) {
  return {.kind = Shape::Kind::kList, .called = called, .item = &item};
}
/// A list that must not be empty.
constexpr Shape some(const Shape& item, std::string_view called) {
  return {.kind = Shape::Kind::kList, .called = called, .least = 1, .item = &item};
}
/// The same, of which the first item must be more than the others.
constexpr Shape some(const Shape& first, const Shape& item, std::string_view called) {
  return {.kind = Shape::Kind::kList, .called = called, .least = 1, .item = &item, .other = &first};
}
constexpr Shape mapping(const Shape& value, std::string_view called, std::string_view key_pattern = {}) {
  return {.kind = Shape::Kind::kMapping, .called = called, .pattern = key_pattern, .item = &value};
}
constexpr Shape some_mapping(const Shape& value, std::string_view called, std::string_view key_pattern = {}) {
  return {.kind = Shape::Kind::kMapping, .called = called, .pattern = key_pattern, .least = 1, .item = &value};
}
constexpr Shape object(FieldTable fields, std::string_view called = "mapping", std::string_view definition = {}) {
  return {.kind = Shape::Kind::kObject, .called = called, .fields = fields, .definition = definition};
}
constexpr Shape one_key(FieldTable fields, std::string_view called = "mapping") {
  return {.kind = Shape::Kind::kOneKey, .called = called, .fields = fields};
}
constexpr Shape either(const Shape& first, const Shape& second, std::string_view called) {
  return {.kind = Shape::Kind::kEither, .called = called, .item = &first, .other = &second};
}
constexpr Shape open(std::string_view called) {
  return {.kind = Shape::Kind::kOpen, .called = called};
}

// Texts of several tables.
inline constexpr Shape kAnyText = text();
inline constexpr Shape kAnyScalar = scalar("text");
inline constexpr Shape kAnyMapping = object(nullptr);
inline constexpr Shape kPath = text("path", "^/");
inline constexpr Shape kHttpsUrl = text("https:// URL", "^https://[^@?#]+$");

}  // namespace shape

}  // namespace enforcer::policy
