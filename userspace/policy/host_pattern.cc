#include "policy/host_pattern.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"

namespace enforcer::policy {
namespace {

constexpr std::string_view kSomething = "enforcer-any";  // an unlikely label, see example()

bool has_wildcard(std::string_view label) {
  return label.find('*') != std::string_view::npos;
}

struct Split {
  std::string_view prefix;
  std::string_view suffix;
};
Split split(std::string_view pattern) {
  const auto star = pattern.find('*');
  return {pattern.substr(0, star), pattern.substr(star + 1)};
}

/// Does a label pattern ("abc", "*", "a*c") match the literal label?
bool label_matches(std::string_view pattern, std::string_view label) {
  if (!has_wildcard(pattern)) return pattern == label;
  const Split parts = split(pattern);
  return label.size() > parts.prefix.size() + parts.suffix.size() && label.starts_with(parts.prefix) &&
         label.ends_with(parts.suffix);
}

/// Every label that `other` matches is matched by `pattern`.
bool label_covers(std::string_view pattern, std::string_view other) {
  if (pattern == "*") return true;
  if (!has_wildcard(pattern)) return pattern == other;
  if (!has_wildcard(other)) return label_matches(pattern, other);
  const Split outer = split(pattern);
  const Split inner = split(other);
  return inner.prefix.starts_with(outer.prefix) && inner.suffix.ends_with(outer.suffix);
}

/// Some label is matched by both.
bool label_overlaps(std::string_view one, std::string_view other) {
  if (one == "*" || other == "*") return true;
  if (!has_wildcard(one)) return label_matches(other, one);
  if (!has_wildcard(other)) return label_matches(one, other);
  const Split a = split(one);
  const Split b = split(other);
  return (a.prefix.starts_with(b.prefix) || b.prefix.starts_with(a.prefix)) &&
         (a.suffix.ends_with(b.suffix) || b.suffix.ends_with(a.suffix));
}

/// Compares the labels of two patterns from the right, as many as both have.
template <class Compare>
bool tails_agree(const std::vector<std::string>& one, const std::vector<std::string>& other, Compare compare) {
  const std::size_t common = std::min(one.size(), other.size());
  for (std::size_t i = 1; i <= common; ++i) {
    if (!compare(one[one.size() - i], other[other.size() - i])) return false;
  }
  return true;
}

std::string replaced(std::string_view label, std::string_view by) {
  const Split parts = split(label);
  return has_wildcard(label) ? fmt::format("{}{}{}", parts.prefix, by, parts.suffix) : std::string(label);
}

}  // namespace

std::expected<HostPattern, TargetProblem> HostPattern::parse(std::string_view text) {
  const auto problem = [&](Code code, std::string_view why, std::string hint = {}) {
    return std::unexpected(
        TargetProblem{code, fmt::format("'{}': {}", escape_untrusted(text, 128), why), std::move(hint)});
  };
  std::string_view rest = text;
  HostPattern pattern;
  pattern.any_depth_ = rest == "**" || rest.starts_with("**.");
  if (pattern.any_depth_) rest.remove_prefix(std::min<std::size_t>(3, rest.size()));

  // The name with every wildcard replaced must be a canonical name; that leaves only the wildcards' places to be
  // judged.
  std::string plain = pattern.any_depth_ && !rest.empty() ? "x." : "";
  for (const char c : rest) plain += c == '*' ? 'x' : c;
  std::string canonical(rest);
  if (!rest.empty() || !pattern.any_depth_) {
    const auto name = HostName::parse(plain);
    if (!name) {
      const bool unicode = std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
      return problem(Code::kBadHost, name.error().message, unicode ? "write the A-label form: xn--..." : "");
    }
    if (canonical.ends_with('.')) canonical.pop_back();
    for (char& c : canonical) c = ascii::lower(c);
    for (std::string_view left = canonical;;) {
      const auto dot = left.find('.');
      pattern.labels_.emplace_back(left.substr(0, dot));
      if (dot == std::string_view::npos) break;
      left.remove_prefix(dot + 1);
    }
  }
  pattern.text_ = pattern.any_depth_ ? (canonical.empty() ? "**" : "**." + canonical) : canonical;

  int middle = 0;
  for (std::size_t i = 0; i < pattern.labels_.size(); ++i) {
    const std::string& label = pattern.labels_[i];
    if (!has_wildcard(label)) continue;
    ++pattern.wildcards_;
    const bool first = i == 0 && !pattern.any_depth_;
    const bool last = i + 1 == pattern.labels_.size();
    if (label == "**") return problem(Code::kBadWildcard, "'**' stands only at the very beginning");
    if (std::ranges::count(label, '*') > 1)
      return problem(Code::kBadWildcard, "one '*' in a label is the most there can be");
    if (label != "*" && !first)
      return problem(Code::kBadWildcard, "a wildcard inside a label stands only in the first label");
    if (last && pattern.labels_.size() + (pattern.any_depth_ ? 1 : 0) > 1) {
      return problem(Code::kBadWildcard, "the last label cannot be a wildcard");
    }
    if (!first && ++middle > 1) return problem(Code::kBadWildcard, "one '*' in the middle is the most there can be");
  }
  return pattern;
}

bool HostPattern::matches(const HostName& name) const {
  if (exact()) return text_ == name.text();
  const auto labels = name.labels();
  if (any_depth_ ? labels.size() <= labels_.size() : labels.size() != labels_.size()) return false;
  for (std::size_t i = 1; i <= labels_.size(); ++i) {
    if (!label_matches(labels_[labels_.size() - i], labels[labels.size() - i])) return false;
  }
  return true;
}

bool HostPattern::covers(const HostPattern& other) const {
  if (any_depth_) {
    const std::size_t least = other.labels_.size() + (other.any_depth_ ? 1 : 0);
    return least > labels_.size() && tails_agree(labels_, other.labels_, label_covers);
  }
  return !other.any_depth_ && labels_.size() == other.labels_.size() &&
         tails_agree(labels_, other.labels_, label_covers);
}

bool HostPattern::overlaps(const HostPattern& other) const {
  if (any_depth_ && !other.any_depth_ && other.labels_.size() <= labels_.size()) return false;
  if (!any_depth_ && other.any_depth_ && labels_.size() <= other.labels_.size()) return false;
  if (!any_depth_ && !other.any_depth_ && labels_.size() != other.labels_.size()) return false;
  return tails_agree(labels_, other.labels_, label_overlaps);
}

HostName HostPattern::example() const {
  std::string text;
  if (any_depth_) text = kSomething;
  for (const std::string& label : labels_) {
    // Inside a label there may be room for one character only.
    const std::string_view by = label.size() + kSomething.size() > 63 ? kSomething.substr(0, 1) : kSomething;
    text += (text.empty() ? "" : ".") + replaced(label, by);
  }
  if (text.size() > 253) {  // parse() has checked it with one character for each wildcard
    text.clear();
    if (any_depth_) text = "x";
    for (const std::string& label : labels_) text += (text.empty() ? "" : ".") + replaced(label, "x");
  }
  auto name = HostName::parse(text);
  ENFORCER_CHECK(name.has_value());
  return *std::move(name);
}

std::string HostPattern::suffix() const {
  std::size_t first = 0;
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    if (has_wildcard(labels_[i])) first = i + 1;
  }
  return fmt::format("{}", fmt::join(labels_.begin() + static_cast<std::ptrdiff_t>(first), labels_.end(), "."));
}

bool HostPattern::wildcard_inside_label() const {
  return !labels_.empty() && has_wildcard(labels_.front()) && labels_.front() != "*";
}

}  // namespace enforcer::policy
