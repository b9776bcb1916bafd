#include "policy/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

namespace enforcer::policy {
namespace {

Place place_of(const YAML::Mark& mark) {
  return {std::max(0, mark.line) + 1, std::max(0, mark.column) + 1};
}

YamlNode make_node(YamlNode::Kind kind, const YAML::Mark& mark, std::string text = {}) {
  YamlNode node;
  node.kind = kind;
  node.place = place_of(mark);
  node.text = std::move(text);
  return node;
}

/// Ends the reading of a file that makes no sense any more; the problem is reported already.
struct StopReading : std::exception {};

/// Builds nodes from the parser's events. Working on events and not on yaml-cpp's nodes keeps duplicate keys visible,
/// expands no alias, and bounds the depth before the parser recurses.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view file, std::string_view text, Diagnostics& out) : file_(file), text_(text), out_(out) {}

  [[nodiscard]] std::vector<YamlNode> take() { return std::move(documents_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    // Without this, text after a document that is complete ("a" "b") would silently become another document, and where
    // yaml-cpp 0.7 finds no node (a lone ',') and consumes nothing, it would report the same empty document for ever.
    if (documents_seen_++ > 0 && !text_at(mark).starts_with("---")) {
      report(mark, Code::kSyntax, "text after the end of the document", "separate documents with '---'");
      throw StopReading();
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_properties(mark, "?", anchor);
    add(make_node(YamlNode::Kind::kNothing, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    report(mark, Code::kIndirection, "an alias ('*...')", "write it out");
    add(make_node(YamlNode::Kind::kRefused, mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_properties(mark, tag, anchor);
    add(make_node(YamlNode::Kind::kText, mark, value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    YamlNode node;
    bool at_value = false;   ///< in a mapping: the next node is the value of `key`
    bool key_usable = true;  ///< false: the value belongs to a key that was refused
    std::string key{};
    Place key_place{};
    std::set<std::string> seen{};
  };

  [[nodiscard]] std::string_view text_at(const YAML::Mark& mark) const {
    return text_.substr(std::min<std::size_t>(text_.size(), static_cast<std::size_t>(std::max(0, mark.pos))));
  }

  void report(const YAML::Mark& mark, Code code, std::string message, std::string hint = {}) {
    out_.report(file_, place_of(mark), code, std::move(message), std::move(hint));
  }

  /// A node begins with its properties, so the first character gives them away even where the event does not.
  void refuse_properties(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    const std::string_view here = text_at(mark);
    if (here.starts_with('&') || anchor != YAML::NullAnchor) {
      report(mark, Code::kIndirection, "an anchor ('&...')", "leave it out");
    } else if (here.starts_with('!') || (!tag.empty() && tag != "?" && tag != "!")) {
      report(mark, Code::kIndirection, "a tag ('!...')", "leave it out");
    }
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    refuse_properties(mark, tag, anchor);
    if (levels_.size() >= kMaxYamlDepth) {
      report(mark, Code::kTooDeep, fmt::format("nested deeper than {} levels", kMaxYamlDepth));
      throw StopReading();
    }
    levels_.push_back({.node = make_node(kind, mark)});
  }

  void close() {
    YamlNode done = std::move(levels_.back().node);
    levels_.pop_back();
    add(std::move(done));
  }

  void add(YamlNode node) {
    if (levels_.empty()) {
      if (node.kind != YamlNode::Kind::kNothing) documents_.push_back(std::move(node));
      return;
    }
    Level& level = levels_.back();
    if (level.node.kind == YamlNode::Kind::kList) {
      level.node.items.push_back(std::move(node));
    } else if (level.at_value) {
      level.at_value = false;
      if (level.key_usable) level.node.members.push_back({std::move(level.key), level.key_place, std::move(node)});
    } else {
      take_key(level, std::move(node));
    }
  }

  void take_key(Level& level, YamlNode node) {
    level.at_value = true;
    level.key_place = node.place;
    level.key_usable = false;
    if (node.kind == YamlNode::Kind::kRefused) return;
    if (node.kind != YamlNode::Kind::kText) {
      out_.report(file_, node.place, Code::kBadKey, "a key must be plain text");
    } else if (node.text == "<<") {
      out_.report(file_, node.place, Code::kIndirection, "a merge key ('<<')", "write the keys out");
    } else if (!level.seen.insert(node.text).second) {
      out_.report(file_, node.place, Code::kDuplicateKey, fmt::format("key '{}' stands here twice", node.text));
    } else {
      level.key_usable = true;
      level.key = std::move(node.text);
    }
  }

  std::string_view file_;
  std::string_view text_;
  Diagnostics& out_;
  std::vector<Level> levels_;
  std::vector<YamlNode> documents_;
  int documents_seen_ = 0;
};

}  // namespace

std::vector<YamlNode> read_yaml(std::string_view file, std::string_view text, Diagnostics& out) {
  if (!check_plain_text(file, text, out)) return {};
  TreeBuilder builder(file, text, out);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& problem) {
    // yaml-cpp looks an alias up itself and stumbles over one without its anchor.
    const auto at = static_cast<std::size_t>(std::max(0, problem.mark.pos));
    if (at < text.size() && text[at] == '*') {
      out.report(file, place_of(problem.mark), Code::kIndirection, "an alias ('*...')",
                 "write it out, or put it in quotes");
    } else {
      out.report(file, place_of(problem.mark), Code::kSyntax, problem.msg);
    }
  } catch (const StopReading&) {
  }
  return builder.take();
}

}  // namespace enforcer::policy
