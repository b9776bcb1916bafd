// Line by line, with a stack of the levels that are open. Only where a line begins is changed; what is inside a block
// scalar, or a flow collection or quoted text that goes on over lines, moves with its first line. The layout of YAML
// has more corners than are known here: the comparison at the end is what makes a wrong guess harmless.
#include "policy/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "policy/yaml_reader.h"

namespace enforcer::policy {
namespace {

constexpr int kStep = 2;

bool same_meaning(const YamlNode& a, const YamlNode& b) {
  const auto same_member = [](const YamlMember& x, const YamlMember& y) {
    return x.key == y.key && same_meaning(x.value, y.value);
  };
  return a.kind == b.kind && a.text == b.text && std::ranges::equal(a.items, b.items, same_meaning) &&
         std::ranges::equal(a.members, b.members, same_member);
}

int spaces_before(std::string_view line) {
  const std::size_t first = line.find_first_not_of(' ');
  return static_cast<int>(first == std::string_view::npos ? line.size() : first);
}

std::string_view without_spaces_behind(std::string_view line) {
  const std::size_t last = line.find_last_not_of(" \r");
  return last == std::string_view::npos ? std::string_view() : line.substr(0, last + 1);
}

/// What is still open at the end of a line.
class OpenText {
 public:
  [[nodiscard]] bool open() const { return depth_ > 0 || quote_ != '\0'; }

  /// True when the line ends in the head of a block scalar.
  bool scan(std::string_view line) {
    bool begins = quote_ == '\0';  // a token may begin here
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (quote_ != '\0') {
        i += inside_quotes(line, i);
        begins = false;
        continue;
      }
      if (c == ' ') continue;
      if (c == '#' && (i == 0 || line[i - 1] == ' ')) return false;
      if (begins && (c == '"' || c == '\'')) quote_ = c;
      if (begins && depth_ == 0 && (c == '|' || c == '>')) return true;
      if ((begins || depth_ > 0) && (c == '[' || c == '{')) ++depth_;
      if (depth_ > 0 && (c == ']' || c == '}')) --depth_;
      const bool last = i + 1 == line.size() || line[i + 1] == ' ';
      begins = (depth_ > 0 && (c == '[' || c == '{' || c == ',')) || ((c == ':' || c == '-') && last);
    }
    return false;
  }

 private:
  /// How many characters more than this one are dealt with.
  std::size_t inside_quotes(std::string_view line, std::size_t at) {
    if (quote_ == '"' && line[at] == '\\') return 1;
    if (line[at] != quote_) return 0;
    if (quote_ == '\'' && at + 1 < line.size() && line[at + 1] == '\'') return 1;
    quote_ = '\0';
    return 0;
  }

  int depth_ = 0;
  char quote_ = '\0';
};

class Layout {
 public:
  void add(std::string_view raw) {
    if (in_block_ && add_to_block(raw)) return;
    const std::string_view line = without_spaces_behind(raw);
    if (text_.open()) {
      push(std::max(0, spaces_before(line) + shift_), line.substr(static_cast<std::size_t>(spaces_before(line))));
      text_.scan(line);
      return;
    }
    if (line.empty()) return waiting_.push_back("");
    if (line.find_first_not_of(' ') == line.find('#')) return waiting_.push_back(line);
    if (line.starts_with("---") && (line.size() == 3 || line[3] == ' ')) {
      write_waiting(0, 0);
      levels_.clear();
      push(0, line);
      text_.scan(line.substr(3));
      return;
    }
    add_structure(line);
  }

  [[nodiscard]] std::string done() {
    write_waiting(was_, is_);
    while (out_.ends_with("\n\n")) out_.pop_back();
    return std::move(out_);
  }

 private:
  struct Level {
    int was;  ///< its column in the text
    int is;   ///< in the layout
    enum class Kind { kMap, kList } kind;
  };

  void push(int column, std::string_view text) {
    out_ += std::string(text.empty() ? 0 : static_cast<std::size_t>(column), ' ') + std::string(text) + "\n";
  }

  /// False: the scalar is over.
  bool add_to_block(std::string_view raw) {
    const int column = spaces_before(raw);
    const bool blank = raw.find_first_not_of(" \r") == std::string_view::npos;
    if (!blank && column <= block_base_) {
      in_block_ = false;
      return false;
    }
    if (blank && column <= block_base_) return push(0, ""), true;
    push(std::max(0, column + shift_), raw.substr(static_cast<std::size_t>(column)));
    return true;
  }

  /// Comments and blank lines belong to what follows them.
  void write_waiting(int was, int is) {
    for (const std::string_view line : waiting_) {
      const bool twice = out_.empty() || out_ == "\n" || out_.ends_with("\n\n");
      if (line.empty() && twice) continue;
      const int column = spaces_before(line);
      push(std::max(0, is + column - was), line.substr(static_cast<std::size_t>(column)));
    }
    waiting_.clear();
  }

  /// The level of what begins in this column.
  const Level& level_at(int column, Level::Kind kind) {
    while (!levels_.empty()) {
      const Level& top = levels_.back();
      const bool list_is_over = top.was == column && top.kind == Level::Kind::kList && kind == Level::Kind::kMap;
      if (top.was <= column && !list_is_over) break;
      levels_.pop_back();
    }
    if (!levels_.empty() && levels_.back().was == column && levels_.back().kind == kind) return levels_.back();
    levels_.push_back({column, levels_.empty() ? 0 : levels_.back().is + kStep, kind});
    return levels_.back();
  }

  void add_structure(std::string_view line) {
    int column = spaces_before(line);
    std::string_view rest = line.substr(static_cast<std::size_t>(column));
    const int first = column;
    std::string head;
    int begins = -1;
    block_base_ = column;
    while (rest == "-" || rest.starts_with("- ")) {
      const Level& list = level_at(column, Level::Kind::kList);
      if (begins < 0) begins = list.is;
      block_base_ = column;
      head += rest == "-" ? "-" : "- ";
      const std::size_t skipped = std::min(rest.size(), rest.find_first_not_of(' ', 1));
      column += static_cast<int>(skipped);
      rest.remove_prefix(skipped);
    }
    const bool block_alone = rest.starts_with('|') || rest.starts_with('>');
    if (!rest.empty() && !block_alone && !rest.starts_with('#')) {
      const Level& map = level_at(column, Level::Kind::kMap);
      if (begins < 0) begins = map.is;
      block_base_ = column;
    }
    begins = std::max(begins, 0);
    write_waiting(first, begins);
    push(begins, head + std::string(rest));
    was_ = first;
    is_ = begins;
    shift_ = begins + static_cast<int>(head.size()) - column;
    in_block_ = text_.scan(rest);
  }

  std::vector<Level> levels_;
  std::vector<std::string_view> waiting_;
  OpenText text_;
  std::string out_;
  bool in_block_ = false;
  int block_base_ = 0;    ///< what is in the block scalar is behind this column
  int shift_ = 0;         ///< of what goes on over lines
  int was_ = 0, is_ = 0;  ///< columns of the last line
};

std::string laid_out(std::string_view text) {
  Layout layout;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    layout.add(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return layout.done();
}

}  // namespace

Result<std::string> formatted(std::string_view file, std::string_view text) {
  Diagnostics problems;
  const auto before = read_yaml(file, text, problems);
  if (problems.has_errors()) return fail(Errc::kInvalid, problems.take().front().to_string());
  std::string out = laid_out(text);
  const auto after = read_yaml(file, out, problems);
  if (problems.has_errors() || !std::ranges::equal(before, after, same_meaning)) {
    return fail(Errc::kInvalid, fmt::format("{}: its layout cannot be changed without changing what it means", file));
  }
  return out;
}

}  // namespace enforcer::policy
