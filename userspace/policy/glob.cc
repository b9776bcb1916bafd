// Both matchers go forward and remember the last wildcard: when something does not fit, that wildcard takes one more.
// Earlier wildcards never need to be tried again, so there is no recursion and no exponential time.
#include "policy/glob.h"

#include <optional>
#include <tuple>
#include <utility>

#include "base/ascii.h"

namespace enforcer::policy {
namespace {

bool same(char one, char other, Letters letters) {
  return one == other || (letters == Letters::kFolded && ascii::lower(one) == ascii::lower(other));
}

/// Walks over the segments of "/a/b/" or "a/b".
class Segments {
 public:
  explicit Segments(std::string_view path) : rest_(path) {
    if (rest_.starts_with('/')) rest_.remove_prefix(1);
    if (rest_.ends_with('/')) rest_.remove_suffix(1);
    ended_ = rest_.empty();
  }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::string_view here() const { return rest_.substr(0, rest_.find('/')); }
  [[nodiscard]] bool at_any_depth() const { return !ended_ && here() == "**"; }
  void next() {
    const auto slash = rest_.find('/');
    ended_ = slash == std::string_view::npos;
    if (!ended_) rest_.remove_prefix(slash + 1);
  }

 private:
  std::string_view rest_;
  bool ended_ = false;
};

bool segment_matches(std::string_view pattern, std::string_view segment, Letters letters) {
  if (pattern == "*") return !segment.empty();
  return glob_matches(pattern, segment, letters);
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text, Letters letters) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::optional<std::size_t> behind_star;
  std::size_t star_took = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      behind_star = ++p;
      star_took = t;
    } else if (p < pattern.size() && same(pattern[p], text[t], letters)) {
      ++p;
      ++t;
    } else if (behind_star) {
      p = *behind_star;
      t = ++star_took;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool path_matches(std::string_view pattern, std::string_view path, Letters letters) {
  Segments wanted(pattern);
  Segments there(path);
  std::optional<std::pair<Segments, Segments>> behind_stars;
  while (!there.ended()) {
    if (wanted.at_any_depth()) {
      wanted.next();
      behind_stars.emplace(wanted, there);
    } else if (!wanted.ended() && segment_matches(wanted.here(), there.here(), letters)) {
      wanted.next();
      there.next();
    } else if (behind_stars) {
      behind_stars->second.next();
      std::tie(wanted, there) = *behind_stars;
    } else {
      return false;
    }
  }
  while (wanted.at_any_depth()) wanted.next();
  return wanted.ended();
}

}  // namespace enforcer::policy
