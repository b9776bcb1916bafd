// The pattern language by recursion over texts.
#include "naive.h"

namespace enforcer::policy::test {

namespace {

std::vector<std::string> labels_of(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool label_match(const std::string& pattern, const std::string& label) {
  if (pattern.empty()) return label.empty();
  if (pattern[0] != '*')
    return !label.empty() && label[0] == pattern[0] && label_match(pattern.substr(1), label.substr(1));
  for (std::size_t taken = 1; taken <= label.size(); ++taken) {
    if (label_match(pattern.substr(1), label.substr(taken))) return true;
  }
  return false;
}

bool same_labels(const std::vector<std::string>& patterns, const std::vector<std::string>& labels) {
  if (patterns.size() != labels.size()) return false;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (!label_match(patterns[i], labels[i])) return false;
  }
  return true;
}

}  // namespace

bool naive_match(const std::string& pattern, const std::string& name) {
  auto patterns = labels_of(pattern);
  auto labels = labels_of(name);
  if (patterns.front() != "**") return same_labels(patterns, labels);
  patterns.erase(patterns.begin());
  if (labels.size() <= patterns.size()) return false;
  labels.erase(labels.begin(), labels.end() - static_cast<std::ptrdiff_t>(patterns.size()));
  return same_labels(patterns, labels);
}

}  // namespace enforcer::policy::test
