#include "enforcerctl/toml_texts.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace enforcer::ctl {
namespace {

constexpr int kDeepestToml = 16;

using TomlPath = std::vector<std::string>;

TomlPath joined_path(TomlPath path, const TomlPath& more) {
  path.insert(path.end(), more.begin(), more.end());
  return path;
}

class TomlScanner {
 public:
  explicit TomlScanner(std::string_view text) : rest_(text) {}

  TomlTexts scan() {
    TomlPath table;
    while (skip(Newlines::kToo), !rest_.empty()) {
      if (!statement(table)) {
        found_.wrong_line = line_;
        break;
      }
    }
    return std::move(found_);
  }

 private:
  enum class Newlines { kNot, kToo };

  /// "[table]", "[[array.of.tables]]" or "key = value", and the end of its line.
  bool statement(TomlPath& table) {
    if (take("[")) {
      const std::string_view end = take("[") ? "]]" : "]";
      auto path = key_path();
      if (!path || !take(end)) return false;
      table = *std::move(path);
    } else if (!setting(table, 0)) {
      return false;
    }
    skip(Newlines::kNot);
    return rest_.empty() || rest_.front() == '\n';
  }

  bool setting(const TomlPath& table, int depth) {
    const auto key = key_path();
    if (!key || !take("=")) return false;
    skip(Newlines::kNot);
    return value(joined_path(table, *key), depth);
  }

  /// "a.b", with quotes or without, and blanks around.
  std::optional<TomlPath> key_path() {
    TomlPath path;
    do {
      skip(Newlines::kNot);
      if (rest_.starts_with('"') || rest_.starts_with('\'')) {
        const auto quoted = line_string();
        if (!quoted) return std::nullopt;
        path.emplace_back(*quoted);
      } else {
        const auto end =
            std::ranges::find_if_not(rest_, [](char c) { return ascii::is_alphanumeric(c) || c == '-' || c == '_'; });
        const auto size = static_cast<std::size_t>(end - rest_.begin());
        if (size == 0) return std::nullopt;
        path.emplace_back(advance(size));
      }
      skip(Newlines::kNot);
    } while (path.size() < kDeepestToml && take("."));
    return path;
  }

  /// An empty path: what is in an array, which nobody asks for.
  bool value(const TomlPath& path, int depth) {
    if (depth == kDeepestToml) return false;
    if (take("{")) return inline_table(path, depth + 1);
    const std::size_t line = line_;
    std::string_view text;
    if (take("[")) {
      if (!array(depth + 1)) return false;
    } else if (rest_.starts_with('"') || rest_.starts_with('\'')) {
      const auto string = rest_.starts_with(R"(""")") || rest_.starts_with("'''") ? block_string() : line_string();
      if (!string) return false;
      text = *string;
    } else {
      const std::size_t size = std::min(rest_.find_first_of(",]}#\n \t\r"), rest_.size());
      if (size == 0) return false;
      advance(size);
    }
    if (!path.empty()) found_.settings.push_back({path, std::string(text), line});
    return true;
  }

  bool array(int depth) {
    while (skip(Newlines::kToo), !take("]")) {
      if (!value({}, depth)) return false;
      skip(Newlines::kToo);
      if (!take(",") && !rest_.starts_with(']')) return false;
    }
    return true;
  }

  bool inline_table(const TomlPath& path, int depth) {
    skip(Newlines::kNot);
    if (take("}")) return true;
    do {
      if (path.empty() ? !setting_of_array(depth) : !setting(path, depth)) return false;
      skip(Newlines::kNot);
    } while (take(","));
    return take("}");
  }

  bool setting_of_array(int depth) {
    if (!key_path() || !take("=")) return false;
    skip(Newlines::kNot);
    return value({}, depth);
  }

  /// What is between quotes of either kind; the escapes of the double ones stay.
  std::optional<std::string_view> line_string() {
    const char quote = rest_.front();
    for (std::size_t i = 1; i < rest_.size() && rest_[i] != '\n'; ++i) {
      if (rest_[i] == quote) {
        const std::string_view inside = rest_.substr(1, i - 1);
        advance(i + 1);
        return inside;
      }
      if (rest_[i] == '\\' && quote == '"') ++i;
    }
    return std::nullopt;
  }

  /// Between three quotes. Nothing that is asked for has more lines than one, so what is inside is left out.
  std::optional<std::string_view> block_string() {
    const std::string end(3, rest_.front());
    advance(3);
    while (!rest_.starts_with(end)) {
      if (rest_.starts_with('\\') && end.front() == '"') advance(1);
      if (rest_.empty()) return std::nullopt;
      if (rest_.front() == '\n') ++line_;
      advance(1);
    }
    while (rest_.starts_with(end.front())) advance(1);  // up to two quotes may stand before the end
    return std::string_view();
  }

  /// Blanks and comments.
  void skip(Newlines newlines) {
    while (!rest_.empty()) {
      if (rest_.front() == '#') {
        advance(std::min(rest_.find('\n'), rest_.size()));
      } else if (rest_.front() == '\n' && newlines == Newlines::kToo) {
        ++line_;
        advance(1);
      } else if (rest_.front() == ' ' || rest_.front() == '\t' || rest_.front() == '\r') {
        advance(1);
      } else {
        return;
      }
    }
  }

  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    advance(text.size());
    return true;
  }

  std::string_view advance(std::size_t size) {
    const std::string_view passed = rest_.substr(0, size);
    rest_.remove_prefix(passed.size());
    return passed;
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  TomlTexts found_;
};

}  // namespace

TomlTexts read_toml_texts(std::string_view text) {
  return TomlScanner(text).scan();
}

}  // namespace enforcer::ctl
