#include "policy/matcher_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "policy/aws_call.h"
#include "policy/header_name.h"
#include "policy/path_text.h"
#include "policy/ref_pattern.h"

namespace enforcer::policy {
namespace {

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= 20 &&
         std::ranges::all_of(text, [](char c) { return ascii::is_upper(c) || c == '-'; });
}

bool is_action(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return false;
  const auto part = [](char c) { return ascii::is_alphanumeric(c) || c == '*' || c == '-'; };
  return std::ranges::all_of(text.substr(0, colon), part) && std::ranges::all_of(text.substr(colon + 1), part);
}

void read_patterns(const YamlNode& node, std::string_view what, bool (*valid)(std::string_view), std::string_view hint,
                   std::vector<std::string>& into, Reader& reader) {
  for (const YamlNode& item : some_items(node, what, reader)) {
    const auto text = read_text(item, "an entry", reader);
    if (!text) continue;
    if (valid(*text)) {
      into.emplace_back(*text);
    } else {
      reader.report(item.place, Code::kBadPattern,
                    fmt::format("'{}' cannot stand in {}", escape_untrusted(*text, 128), what), std::string(hint));
    }
  }
}

/// A mapping of name to glob.
void read_named_patterns(const YamlNode& node, std::string_view what, std::vector<NamedPattern>& into, Reader& reader) {
  if (!expect_map(node, what, reader)) return;
  if (node.members.empty()) reader.report(node.place, Code::kEmpty, fmt::format("{} must not be empty", what));
  for (const YamlMember& member : node.members) {
    const auto pattern = read_text(member.value, "a pattern", reader);
    if (pattern) into.push_back({member.key, std::string(*pattern)});
  }
}

/// Names as facts have them: lower case, '-' for '_'.
void read_headers(const YamlNode& node, HttpMatcher& matcher, Reader& reader) {
  read_named_patterns(node, "headers", matcher.headers, reader);
  if (node.kind != YamlNode::Kind::kMap) return;
  for (const YamlMember& member : node.members) {
    if (!is_header_name(member.key)) {
      reader.report(member.place, Code::kBadPattern,
                    fmt::format("'{}' is not a header name", escape_untrusted(member.key, 128)));
    } else if (canonical_header(member.key) == "host") {
      reader.report(member.place, Code::kBadPattern, "'host' cannot stand in headers", "name hosts in 'to'");
    }
  }
  for (NamedPattern& header : matcher.headers) header.name = canonical_header(header.name);
}

constexpr Shape kMethod = shape::text("method", "^[A-Z-]{1,20}$").like("GET");
constexpr Shape kPathPattern = shape::text("path", "^/[^ ?#]*$").like("/repos/acme/*/issues/**");
constexpr Shape kTextPattern = shape::scalar("pattern");
constexpr std::string_view kHeaderName = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

constexpr Field<HttpMatcher> kHttpFields[] = {
    {"methods", Need::kOptional, shape::some(kMethod, "list of methods"), "In capitals, exactly.",
     [](const YamlNode& n, HttpMatcher& m, Reader& r) {
       read_patterns(n, "methods", is_method, "write methods in capitals: GET", m.methods, r);
     }},
    {"paths", Need::kOptional, shape::some(kPathPattern, "list of paths"),
     "The normalised path without the query: `*` is one segment, `**` any number of them, none included.",
     [](const YamlNode& n, HttpMatcher& m, Reader& r) {
       read_patterns(
           n, "paths", is_path_pattern,
           "a path begins with '/' and is written normalised, without query; '*' is one segment, '**' any number",
           m.paths, r);
     }},
    {"headers", Need::kOptional, shape::some_mapping(kTextPattern, "mapping of header to pattern", kHeaderName),
     "Name to pattern, in which `*` is any text. A header that is not there does not match.", read_headers},
    {"query", Need::kOptional, shape::some_mapping(kTextPattern, "mapping of parameter to pattern"),
     "Name to pattern, in which `*` is any text. A parameter that is not there does not match.",
     [](const YamlNode& n, HttpMatcher& m, Reader& r) { read_named_patterns(n, "query", m.query, r); }},
};

constexpr std::string_view kOperations[] = {"fetch", "push"};

void read_operations(const YamlNode& node, GitMatcher& matcher, Reader& reader) {
  matcher.fetch = matcher.push = false;
  for (const YamlNode& item : some_items(node, "operations", reader)) {
    const auto choice = read_choice(item, kOperations, reader);
    matcher.fetch = matcher.fetch || choice == 0;
    matcher.push = matcher.push || choice == 1;
  }
}

constexpr std::string_view kGitWords[] = {"deny", "only"};

void read_word(const YamlNode& node, GitMatcher::Word& into, Reader& reader) {
  if (const auto choice = read_choice(node, kGitWords, reader)) {
    into = *choice == 0 ? GitMatcher::Word::kDeny : GitMatcher::Word::kOnly;
  }
}

constexpr Shape kRepository = shape::text("owner/name pattern", "^[^/ ]+/.*[^/]$").like("acme/*");
constexpr Shape kOperation = shape::choice(kOperations);
constexpr Shape kRef = shape::text("ref pattern", "^refs/[^ ]*[^/.]$").like("refs/heads/agent/**");

constexpr Field<GitMatcher> kGitFields[] = {
    {"repos", Need::kRequired, shape::some(kRepository, "list of owner/name patterns"),
     "The repositories; nothing else on that host.",
     [](const YamlNode& n, GitMatcher& m, Reader& r) {
       read_patterns(n, "repos", is_repository_pattern, "write owner/name or owner/*", m.repos, r);
       for (std::string& repo : m.repos) {
         if (repo.ends_with(".git")) repo.resize(repo.size() - 4);
       }
     }},
    {"operations", Need::kOptional, shape::some(kOperation, "list of fetch, push"), "Default: both.", read_operations},
    {"refs", Need::kOptional, shape::some(kRef, "list of ref patterns"),
     "Whole names, in which `*` is one segment and `**` any number. An allow or ceiling wants every ref of a push to "
     "match, a deny or review is content with one.",
     [](const YamlNode& n, GitMatcher& m, Reader& r) {
       read_patterns(n, "refs", is_ref_pattern, "write refs/heads/main or refs/heads/agent/**", m.refs, r);
     }},
    {"force", Need::kOptional, shape::choice(kGitWords),
     "`deny` (allow, ceiling): no push that forces an update. `only` (deny, review): only pushes that do so.",
     [](const YamlNode& n, GitMatcher& m, Reader& r) { read_word(n, m.force, r); }},
    {"delete", Need::kOptional, shape::choice(kGitWords),
     "`deny` (allow, ceiling): no push that deletes a ref. `only` (deny, review): only pushes that do so.",
     [](const YamlNode& n, GitMatcher& m, Reader& r) { read_word(n, m.deletion, r); }},
};

/// What could never fit would look like a rule all the same.
void warn_of_unknown_action(const AwsMatcher::Action& action, Place place, Reader& reader) {
  if (some_call_fits(action.service, action.action)) return;
  reader.report(place, Code::kNoSuchAction,
                fmt::format("no request to {} is told by '{}'", action.service, action.action),
                "policies/README.md, \"AWS by action\", says what actions are called");
}

constexpr Shape kAwsAction = shape::text("service:Action pattern", "^[A-Za-z0-9*-]+:[A-Za-z0-9*-]+$").like("ce:Get*");

constexpr Field<AwsMatcher> kAwsFields[] = {
    {"actions", Need::kRequired, shape::some(kAwsAction, "list of service:Action patterns"),
     "What is asked of AWS, as IAM calls it for most services. `*` is any text.",
     [](const YamlNode& n, AwsMatcher& m, Reader& r) {
       std::vector<std::string> actions;
       read_patterns(n, "actions", is_action, "write service:Action, such as ce:Get*", actions, r);
       for (const std::string& action : actions) {
         const auto colon = action.find(':');
         m.actions.push_back({action.substr(0, colon), action.substr(colon + 1)});
         warn_of_unknown_action(m.actions.back(), n.place, r);
       }
     }},
};

template <class T>
void read_matcher(const YamlNode& node, std::string_view what, std::type_identity_t<std::span<const Field<T>>> fields,
                  T& into, Reader& reader) {
  const bool read = read_object<T>(node, what, fields, into, reader);
  if (read && node.members.empty()) {
    reader.report(node.place, Code::kEmpty, fmt::format("{} must not be empty", what),
                  "leave it out to match every request");
  }
}

/// What cannot be meant: words about pushes in a matcher of fetches, and the word of the other sort of list.
void check_git(const YamlNode& node, const Rule& rule, Reader& reader) {
  const GitMatcher& git = *rule.matcher.git;
  if (git.asks_for_updates() && !git.push) {
    reader.report(node.place, Code::kConflict,
                  "refs, force and delete speak about pushes, which the rule does not mean", "add push to operations");
  }
  const bool objects = rule.list == RuleList::kDeny || rule.list == RuleList::kReview;
  const auto wrong = objects ? GitMatcher::Word::kDeny : GitMatcher::Word::kOnly;
  if (git.force != wrong && git.deletion != wrong) return;
  reader.report(node.place, Code::kConflict,
                objects ? "force and delete are 'only' in a deny or review: it means the pushes that do so"
                        : "force and delete are 'deny' in an allow or ceiling: it does not mean the pushes that do so");
}

/// graphql and mcp: the language has the names; what they hold is not fixed yet.
template <const auto& what>
void read_reserved(const YamlNode& node, Rule& rule, Reader& reader) {
  rule.matcher.unseen = true;
  if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kList) (void)expect_map(node, what, reader);
}
constexpr std::string_view kGraphql = "graphql";
constexpr std::string_view kMcp = "mcp";
constexpr std::string_view kAboutReserved =
    "Bodies are not looked at in this version: as an allow it allows nothing, as a deny it denies.";

constexpr Shape kHttpMatcher = shape::object(fields_of<kHttpFields>, "http matcher", "http");

constexpr Field<Rule> kMatcherFields[] = {
    {"http", Need::kOptional, shape::some(kHttpMatcher, "list of http matchers"),
     "Only requests that one of these entries matches; in an entry all fields must match.",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       for (const YamlNode& item : some_items(n, "http", r))
         read_matcher<HttpMatcher>(item, "http matcher", kHttpFields, rule.matcher.http.emplace_back(), r);
     }},
    {"git", Need::kOptional, shape::object(fields_of<kGitFields>, "git matcher", "git"), "Only git over HTTP.",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       read_matcher<GitMatcher>(n, "git matcher", kGitFields, rule.matcher.git.emplace(), r);
       check_git(n, rule, r);
     }},
    {"aws", Need::kOptional, shape::object(fields_of<kAwsFields>, "aws matcher", "aws"), "Only these actions of AWS.",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       read_matcher<AwsMatcher>(n, "aws matcher", kAwsFields, rule.matcher.aws.emplace(), r);
     }},
    {"graphql", Need::kOptional, shape::open("graphql matcher"), kAboutReserved, read_reserved<kGraphql>},
    {"mcp", Need::kOptional, shape::open("mcp matcher"), kAboutReserved, read_reserved<kMcp>},
};

}  // namespace

std::span<const Field<Rule>> matcher_fields() {
  return kMatcherFields;
}

}  // namespace enforcer::policy
