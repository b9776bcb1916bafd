#include "pages/manual_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/roff.h"
#include "pages/reference.h"
#include "policy/diagnostic.h"

namespace enforcer::pages {
namespace {

using config::roff_marked;

/// Of section 5.
std::string title(std::string_view name, std::string_view summary) {
  return config::roff_head({.name = name, .section = 5, .version = ENFORCER_VERSION, .summary = summary});
}

void append(std::string& out, const Key& key) {
  out += fmt::format(".TP\n\\fB{}\\fR ({}{})\n{}\n", roff_marked(key.name), roff_marked(key.shape),
                     key.required ? "; required" : "", roff_marked(key.about));
  if (!key.example.empty()) out += fmt::format("Example: \\fB{}\\fR\n", roff_marked(key.example));
  if (!key.in.empty()) out += fmt::format("In {} only.\n", roff_marked(fmt::format("{}", fmt::join(key.in, ", "))));
}

void append(std::string& out, const std::vector<Section>& sections) {
  out += ".SH KEYS\n";
  for (const Section& section : sections) {
    out += fmt::format(".SS {}\n", roff_marked(section.title));
    if (!section.note.empty()) out += roff_marked(section.note) + "\n";
    const bool place_is_title = section.places.size() == 1 && section.places.front() == section.title;
    if (!place_is_title && !section.places.empty()) {
      out += fmt::format("Stands in {}.\n", roff_marked(fmt::format("`{}`", fmt::join(section.places, "`, `"))));
    }
    for (const Key& key : section.keys) append(out, key);
  }
}

std::string example(std::string_view text) {
  std::string out = ".SH EXAMPLES\n.nf\n";
  while (!text.empty()) {
    const auto end = text.find('\n');
    out += roff_marked(text.substr(0, end)) + "\n";
    text.remove_prefix(end + 1);
  }
  return out + ".fi\n";
}

constexpr std::string_view kPolicyExample =
    "apiVersion: enforcer.dev/v1\n"
    "kind: Policy\n"
    "metadata: {name: first}\n"
    "spec:\n"
    "  guests: {matchLabels: {role: agent}}\n"
    "  allow:\n"
    "    - {name: code, to: [github.com]}\n"
    "  tests:\n"
    "    - {connect: \"github.com:443\", expect: allow, rule: code}\n";

constexpr std::string_view kCredentialExample =
    "apiVersion: enforcer.dev/v1\n"
    "kind: Credential\n"
    "metadata: {name: github-bot}\n"
    "spec:\n"
    "  source: {file: /etc/enforcer/secrets/github-bot}\n"
    "  inject:\n"
    "    - {to: [api.github.com, github.com], as: github}\n";

}  // namespace

std::string policy_manual() {
  std::string out = title("enforcer-policy", "where guests of Enforcer may go");
  out += ".SH DESCRIPTION\n";
  out +=
      roff_marked(
          "A policy has three lists without order: deny beats review beats allow, and what nothing matches is "
          "denied. Files are YAML, read strictly: UTF-8 without tabs, no aliases, anchors, tags or merge keys, no "
          "unknown key. A file may hold several objects, separated by a line of three dashes. One error anywhere and "
          "nothing of the new generation is used.") +
      "\n";
  append(out, policy_sections());
  out += example(kPolicyExample);
  out += ".SH DIAGNOSTICS\n";
  for (const policy::CodeInfo& code : policy::diagnostic_codes()) {
    out += fmt::format(".TP\n.B {}\n{}\n", code.code, roff_marked(code.text));
  }
  out +=
      ".SH FILES\n.TP\n.I /etc/enforcer/policies\nPolicies and guardrails.\n"
      ".TP\n.I /usr/share/enforcer/schema/v1/policy.json\nJSON Schema for editors.\n"
      ".SH SEE ALSO\n.BR enforcer\\-credential (5),\n.BR enforcerctl (1),\n.BR enforcerd (8)\n";
  return out;
}

std::string credential_manual() {
  std::string out = title("enforcer-credential", "secrets that Enforcer puts into requests");
  out += ".SH DESCRIPTION\n";
  out += roff_marked(
             "A Credential belongs to the owner of a secret and says where the secret may go; a rule of a policy names "
             "it and cannot widen that. The guest never sees it. What every object has, and how files are read, is "
             "told in enforcer-policy(5).") +
         "\n";
  append(out, credential_sections());
  out += example(kCredentialExample);
  out +=
      ".SH FILES\n.TP\n.I /etc/enforcer/credentials\nCredentials, which fewer people need to read than policies.\n"
      ".SH SEE ALSO\n.BR enforcer\\-policy (5),\n.BR enforcerctl (1),\n.BR enforcerd (8)\n";
  return out;
}

}  // namespace enforcer::pages
