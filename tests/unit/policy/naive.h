// The reference that decide() is held against: the language's rules applied one after the other to texts, without
// index, without compilation, and without any code of the policy library but its plain result types. Slow and obvious.
#pragma once

#include <string>
#include <vector>

#include "policy/facts.h"

namespace enforcer::policy::test {

struct NaiveTarget {
  std::string where;  ///< a pattern, or a block
  std::string port;   ///< "", "*" or a number
  bool block = false;
};

struct NaiveRule {
  std::string name;
  std::string list;  ///< allow, review, deny, ceiling
  std::vector<NaiveTarget> to{};
  std::vector<NaiveTarget> except{};
  bool tcp = false;
  bool never = false;
  int approvals = 1;      ///< of a review
  std::string matcher{};  ///< "", or one of kNaiveMatchers
  bool private_destination = false;
  bool websocket = false;
  std::string credential{};
  bool mints = false;     ///< mintTokens: true
  bool cookies = false;   ///< setCookie: true
  bool foreign = false;   ///< foreignCredentials: deny
  std::string expires{};  ///< "", "past", "future"
};

struct NaivePolicy {
  std::string name;
  bool guardrail = false;
  bool audit = false;
  bool has_ceiling = false;
  std::vector<NaiveRule> rules{};
};

/// What rules may say about requests, by name: the YAML is in to_yaml(), the meaning in naive_answer().
inline constexpr const char* kNaiveMatchers[] = {"get",  "path", "header", "query", "fetch",
                                                 "refs", "aws",  "mcp",    "both"};

/// Where both credentials may go.
inline constexpr const char* kNaiveBound[] = {"a.test",    "b.test",    "ab.test",    "x-a.test",    "a-x.test",
                                              "**.a.test", "**.b.test", "**.ab.test", "**.x-a.test", "**.a-x.test"};

/// The Credentials `bot` and `other`, bound to most names below .test; `other` only on port 443.
std::string naive_credentials();

/// As YAML, in the given order.
std::string to_yaml(const NaivePolicy& policy);

/// What answer(decide()) should say.
std::string naive_answer(const std::vector<NaivePolicy>& policies, const Facts& facts);

/// The pattern language by recursion over texts.
bool naive_match(const std::string& pattern, const std::string& name);

}  // namespace enforcer::policy::test
