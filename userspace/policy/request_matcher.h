// RequestMatcher: which requests a rule speaks about (http, git, aws, graphql, mcp).
//
// The answer is three-valued. What cannot be known is neither "no" nor "yes": an allow then does not allow, and a deny
// denies (invariant 2). Where a request says something twice, an allow wants every value to match and a rule that takes
// away is content with one, so that adding a value never helps a guest (attack 117).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/facts.h"

namespace enforcer::policy {

/// Does a rule mean a request? Ordered: all of several conditions is the minimum, one of several the maximum.
enum class Truth : std::uint8_t {
  kNo,
  kCannotSee,   ///< not before the request is seen, or never: graphql, mcp
  kCannotTell,  ///< the request was seen, and what it asks of AWS or git cannot be told; or only its record is here
  kYes,
};
[[nodiscard]] constexpr bool is_unknown(Truth truth) {
  return truth == Truth::kCannotSee || truth == Truth::kCannotTell;
}

/// On which side a rule errs.
enum class Leaning {
  kAllowing,   ///< allow, ceiling
  kObjecting,  ///< deny, review
};

struct NamedPattern {
  std::string name;     ///< of a header: as in FieldFact; of a parameter: decoded
  std::string pattern;  ///< glob
};

/// One entry of `http`: fields are ANDed, items of a list ORed; an empty list asks nothing.
struct HttpMatcher {
  std::vector<std::string> methods;
  std::vector<std::string> paths;  ///< globs of the normalised path
  std::vector<NamedPattern> headers;
  std::vector<NamedPattern> query;
};

/// Git's smart HTTP protocol: what is not a part of it is not matched. `refs`, `force` and `deletion` are asked of each
/// ref that a push updates: a rule that allows wants all of them to fit, one that objects is content with one.
struct GitMatcher {
  /// What the rule says of updates that do something: nothing, that it does not mean them, or that it means no others.
  enum class Word : std::uint8_t { kNone, kDeny, kOnly };
  std::vector<std::string> repos;  ///< path globs without ".git"
  bool fetch = true;
  bool push = true;
  std::vector<std::string> refs;  ///< path globs; empty: every ref
  Word force = Word::kNone;
  Word deletion = Word::kNone;  ///< kOnly in both: either of them

  [[nodiscard]] bool asks_for_updates() const {
    return !refs.empty() || force != Word::kNone || deletion != Word::kNone;
  }
};

struct AwsMatcher {
  struct Action {
    std::string service;  ///< glob
    std::string action;   ///< glob
  };
  std::vector<Action> actions;
};

/// Everything that a rule says about requests: all of it must match.
struct RequestMatcher {
  std::vector<HttpMatcher> http;  ///< one of these
  std::optional<GitMatcher> git;
  std::optional<AwsMatcher> aws;
  bool unseen = false;  ///< graphql or mcp: what is inside bodies is not looked at

  [[nodiscard]] bool empty() const { return http.empty() && !git && !aws && !unseen; }
};

[[nodiscard]] Truth matches(const RequestMatcher& matcher, const RequestFacts& request, Leaning leaning);
/// The single parts, for people who ask what stopped a rule.
[[nodiscard]] Truth matches(const HttpMatcher& matcher, const RequestFacts& request, Leaning leaning);
[[nodiscard]] Truth matches(const GitMatcher& matcher, const RequestFacts& request, Leaning leaning);
[[nodiscard]] Truth matches(const AwsMatcher& matcher, const RequestFacts& request, Leaning leaning);
/// Whether the glob means the path, which is normalised. Allowed is what fits whichever way the origin reads it;
/// objected to, what fits any way, in letters of either case.
[[nodiscard]] bool path_fits(std::string_view pattern, std::string_view path, Leaning leaning);

}  // namespace enforcer::policy
