#include "policy/matcher_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace enforcer::policy {
namespace {

/// The matchers carry nothing yet: reading one is checking it.
struct Matcher {};

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_token_character(char c) {
  return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= 20 &&
         std::ranges::all_of(text, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
}

/// Matched against the normalised path, so whatever normalisation removes could never match.
bool is_path(std::string_view text) {
  if (!text.starts_with('/') || text.find_first_of("?# \\") != std::string_view::npos) return false;
  for (std::string_view rest = text.substr(1);;) {
    const auto slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    if (segment == "." || segment == ".." || (segment.empty() && !last)) return false;
    if (segment.find("**") != std::string_view::npos && segment != "**") return false;
    if (last) return true;
    rest.remove_prefix(slash + 1);
  }
}

bool is_action(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return false;
  const auto part = [](char c) { return is_alphanumeric(c) || c == '*' || c == '-'; };
  return std::ranges::all_of(text.substr(0, colon), part) && std::ranges::all_of(text.substr(colon + 1), part);
}

bool is_repository(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos || text.ends_with('/') || text.find("//") != std::string_view::npos)
    return false;
  return std::ranges::all_of(
      text, [](char c) { return is_alphanumeric(c) || std::string_view("*-_./").find(c) != std::string_view::npos; });
}

void check_patterns(const YamlNode& node, std::string_view what, bool (*valid)(std::string_view), std::string_view hint,
                    Reader& reader) {
  for (const YamlNode& item : some_items(node, what, reader)) {
    const auto text = read_text(item, "an entry", reader);
    if (text && !valid(*text)) {
      reader.report(item.place, Code::kBadPattern,
                    fmt::format("'{}' cannot stand in {}", escape_untrusted(*text, 128), what), std::string(hint));
    }
  }
}

void check_headers(const YamlNode& node, Matcher&, Reader& reader) {
  if (!expect_map(node, "headers", reader)) return;
  if (node.members.empty()) reader.report(node.place, Code::kEmpty, "headers must not be empty");
  for (const YamlMember& member : node.members) {
    if (member.key.empty() || !std::ranges::all_of(member.key, is_token_character)) {
      reader.report(member.place, Code::kBadPattern,
                    fmt::format("'{}' is not a header name", escape_untrusted(member.key, 128)));
    }
    (void)read_text(member.value, "a header's pattern", reader);
  }
}

constexpr Field<Matcher> kHttpFields[] = {
    {"methods", Need::kOptional, "list of methods",
     [](const YamlNode& n, Matcher&, Reader& r) {
       check_patterns(n, "methods", is_method, "write methods in capitals: GET", r);
     }},
    {"paths", Need::kOptional, "list of paths",
     [](const YamlNode& n, Matcher&, Reader& r) {
       check_patterns(n, "paths", is_path, "a path begins with '/', without query; '*' is one segment, '**' any number",
                      r);
     }},
    {"headers", Need::kOptional, "mapping of header to pattern", check_headers},
};

constexpr Field<Matcher> kGitFields[] = {
    {"repos", Need::kRequired, "list of owner/name patterns",
     [](const YamlNode& n, Matcher&, Reader& r) {
       check_patterns(n, "repos", is_repository, "write owner/name or owner/*", r);
     }},
    {"operations", Need::kOptional, "list of fetch, push",
     [](const YamlNode& n, Matcher&, Reader& r) {
       static constexpr std::string_view kOperations[] = {"fetch", "push"};
       for (const YamlNode& item : some_items(n, "operations", r)) (void)read_choice(item, kOperations, r);
     }},
};

constexpr Field<Matcher> kAwsFields[] = {
    {"actions", Need::kRequired, "list of service:Action patterns",
     [](const YamlNode& n, Matcher&, Reader& r) {
       check_patterns(n, "actions", is_action, "write service:Action, such as ce:Get*", r);
     }},
};

void check_object(const YamlNode& node, std::string_view what, std::span<const Field<Matcher>> fields, Reader& reader) {
  Matcher matcher;
  const bool read = read_object<Matcher>(node, what, fields, matcher, reader);
  if (read && node.members.empty()) {
    reader.report(node.place, Code::kEmpty, fmt::format("{} must not be empty", what),
                  "leave it out to match every request");
  }
}

/// graphql and mcp: the language has the names; what they hold is not fixed yet.
void check_reserved(const YamlNode& node, std::string_view what, Reader& reader) {
  if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kList) (void)expect_map(node, what, reader);
}

constexpr Field<Rule> kMatcherFields[] = {
    {"http", Need::kOptional, "list of http matchers",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       rule.has_matchers = true;
       for (const YamlNode& item : some_items(n, "http", r)) check_object(item, "http matcher", kHttpFields, r);
     }},
    {"git", Need::kOptional, "git matcher",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       rule.has_matchers = true;
       check_object(n, "git matcher", kGitFields, r);
     }},
    {"aws", Need::kOptional, "aws matcher",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       rule.has_matchers = true;
       check_object(n, "aws matcher", kAwsFields, r);
     }},
    {"graphql", Need::kOptional, "graphql matcher",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       rule.has_matchers = true;
       check_reserved(n, "graphql", r);
     }},
    {"mcp", Need::kOptional, "mcp matcher",
     [](const YamlNode& n, Rule& rule, Reader& r) {
       rule.has_matchers = true;
       check_reserved(n, "mcp", r);
     }},
};

}  // namespace

std::span<const Field<Rule>> matcher_fields() {
  return kMatcherFields;
}

}  // namespace enforcer::policy
