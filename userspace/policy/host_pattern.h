// HostPattern: which names a rule means.
//
//   a.b        that name                          *.a.b      one label more                **.a.b   one or more labels
//   more
//   *-x.a.b    a wildcard inside the first label  a.*.b      one whole label in the middle
//
// The apex is never included: `*.a.b` and `**.a.b` do not match `a.b`. A wildcard stands for at least one character,
// never for a dot. What is written literally is a canonical name (base/host_name.h), so matching is comparing labels,
// from the right.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/host_name.h"
#include "policy/diagnostic.h"

namespace enforcer::policy {

/// Why a text is not a target.
struct TargetProblem {
  Code code;
  std::string message;
  std::string hint;
};

class HostPattern {
 public:
  static std::expected<HostPattern, TargetProblem> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool exact() const { return !any_depth_ && wildcards_ == 0; }
  /// Begins with `**`: stands for one or more labels before labels().
  [[nodiscard]] bool any_depth() const { return any_depth_; }
  /// From left to right, without the leading `**`: a literal, "*", or for the first one also "prefix*suffix".
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }

  [[nodiscard]] bool matches(const HostName& name) const;
  [[nodiscard]] bool covers(const HostPattern& other) const;    ///< every name that `other` matches is matched
  [[nodiscard]] bool overlaps(const HostPattern& other) const;  ///< some name is matched by both

  /// A name that this pattern matches and that no other pattern mentions: whatever covers this pattern matches it.
  [[nodiscard]] HostName example() const;
  /// What stands behind the last wildcard: "amazonaws.com" of `ce.*.amazonaws.com`, "" of `**`, the whole of an exact
  /// name.
  [[nodiscard]] std::string suffix() const;
  [[nodiscard]] bool wildcard_inside_label() const;

 private:
  std::string text_;
  std::vector<std::string> labels_;
  bool any_depth_ = false;
  int wildcards_ = 0;  ///< labels with a wildcard, not counting the leading `**`
};

}  // namespace enforcer::policy
