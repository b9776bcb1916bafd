// The top-level fields of one line of the audit log, read without building a tree: `log` looks at millions of lines.
#pragma once

#include <optional>
#include <string_view>

namespace enforcer::audit {

/// Whether a line could be a record: one JSON object of ours, printable ASCII throughout.
[[nodiscard]] bool is_record(std::string_view line);

class FieldReader {
 public:
  struct Field {
    std::string_view key;
    std::string_view value;  ///< a string's inside, JSON escapes kept; else the number or object as written
  };

  explicit FieldReader(std::string_view line) : rest_(line) {}

  /// The next field; none at the end of the object or where the line is not what the log writes.
  std::optional<Field> next();

 private:
  std::optional<std::string_view> take_string();
  std::optional<std::string_view> take_value();

  std::string_view rest_;
};

/// One field's value; empty when the line does not have it.
[[nodiscard]] std::string_view field(std::string_view line, std::string_view key);

}  // namespace enforcer::audit
