#include "policy/credential_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "policy/header_name.h"
#include "policy/rule_reader.h"

namespace enforcer::policy {
namespace {

using As = CredentialSpec::Injection::As;
using Source = CredentialSpec::Source;

constexpr std::size_t kLongestName = 128;

// Fields that say where a message ends, where it goes or what the next hop does with it (RFC 9110 7.6.1, 9112 6): a
// secret there would be lost, or change which request it is.
constexpr std::string_view kForbiddenHeaders[] = {
    "connection",          "content-length",   "expect", "host",    "keep-alive",        "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te",     "trailer", "transfer-encoding", "upgrade",
};

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f'; });
}

void report_value(Place place, std::string_view text, std::string_view why, std::string hint, Reader& reader) {
  reader.report(place, Code::kBadValue, fmt::format("'{}' {}", escape_untrusted(text, 128), why), std::move(hint));
}

std::optional<std::string> read_absolute_path(const YamlNode& node, std::string_view what, Reader& reader) {
  const auto text = read_text(node, what, reader);
  if (!text) return std::nullopt;
  if (text->starts_with('/')) return std::string(*text);
  report_value(node.place, *text, "is not an absolute path", "", reader);
  return std::nullopt;
}

struct SourceDraft {
  Source source;
  SourceOrigin origin = SourceOrigin::kConfigured;
};

void read_env(const YamlNode& node, SourceDraft& draft, Reader& reader) {
  draft.source.kind = Source::Kind::kEnv;
  const auto text = read_text(node, "env", reader);
  if (!text) return;
  const auto fits = [](char c) { return ascii::is_alphanumeric(c) || c == '_'; };
  if (text->empty() || text->size() > kLongestName || !std::ranges::all_of(*text, fits)) {
    return report_value(node.place, *text, "is not the name of an environment variable", "", reader);
  }
  draft.source.variable = *text;
  reader.report(node.place, Code::kEnvironment,
                fmt::format("'{}' is readable by whoever can read the environment of the process", *text),
                "a file that only the daemon's user can read is better");
}

void read_exec(const YamlNode& node, SourceDraft& draft, Reader& reader) {
  draft.source.kind = Source::Kind::kExec;
  if (draft.origin == SourceOrigin::kApplied) {
    reader.report(node.place, Code::kExecApplied, "exec sources are read from configured files only",
                  "put the Credential into a file of the configuration's 'credentials'");
  }
  for (const YamlNode& item : some_items(node, "exec", reader)) {
    const bool program = &item == node.items.data();
    const auto argument = read_text(item, "an argument", reader);
    if (!argument) continue;
    if (program && !argument->starts_with('/')) {
      report_value(item.place, *argument, "is not an absolute path", "", reader);
    }
    draft.source.argv.emplace_back(*argument);
  }
}

constexpr Field<SourceDraft> kSourceFields[] = {
    {"file", Need::kOptional, "path",
     [](const YamlNode& n, SourceDraft& draft, Reader& r) {
       draft.source.kind = Source::Kind::kFile;
       draft.source.path = read_absolute_path(n, "file", r).value_or("");
     }},
    {"env", Need::kOptional, "name of an environment variable", read_env},
    {"exec", Need::kOptional, "program and arguments", read_exec},
    {"store", Need::kOptional, "true",
     [](const YamlNode& n, SourceDraft& draft, Reader& r) {
       static constexpr std::string_view kOnlyTrue[] = {"true"};
       draft.source.kind = Source::Kind::kStored;
       (void)read_choice(n, kOnlyTrue, r);
     }},
};

void read_source(const YamlNode& node, SourceOrigin origin, Source& into, Reader& reader) {
  SourceDraft draft{.source = {}, .origin = origin};
  if (!read_object<SourceDraft>(node, "source", kSourceFields, draft, reader)) return;
  if (node.members.empty()) {
    report_missing_key(node.place, "file", "or env, exec, store", "source", reader);
  } else if (node.members.size() > 1) {
    reader.report(node.members[1].place, Code::kConflict, "a secret has one source: file, env, exec or store");
  } else {
    into = std::move(draft.source);
  }
}

struct InjectionDraft {
  CredentialSpec::Injection injection;
  bool has_as = false;
};

void read_as(const YamlNode& node, InjectionDraft& draft, Reader& reader) {
  static constexpr std::string_view kWords[] = {"bearer", "basic", "header", "query"};
  static constexpr As kValues[] = {As::kBearer, As::kBasic, As::kHeader, As::kQuery};
  const auto choice = read_choice(node, kWords, reader);
  draft.has_as = choice.has_value();
  if (choice) draft.injection.as = kValues[*choice];
}

void check_target(const Target& target, Reader& reader) {
  if (target.block()) {
    reader.report(target.place, Code::kBadHost,
                  fmt::format("'{}' is an address, which no certificate proves", target.text), "name the host");
    return;
  }
  if (target.port == kHttpPort) {
    reader.report(target.place, Code::kClearCredential, fmt::format("'{}' is clear HTTP", target.text),
                  "a credential is added inside TLS only");
  }
  const Breadth wide = breadth(target);
  if (wide.kind == Breadth::Kind::kNarrow) return;
  const bool broad = wide.kind == Breadth::Kind::kBroad;
  reader.report(target.place, broad ? Code::kBroad : Code::kPrivateSuffix,
                fmt::format("'{}' covers {}", target.text, wide.what),
                "a secret must not go to whoever registers a name there: name the hosts");
}

constexpr Field<InjectionDraft> kInjectionFields[] = {
    {"to", Need::kRequired, "list of hosts",
     [](const YamlNode& n, InjectionDraft& draft, Reader& r) {
       read_targets(n, "to", PortDefault::kHttps, draft.injection.to, r);
       for (const Target& target : draft.injection.to) check_target(target, r);
     }},
    {"as", Need::kRequired, "bearer, basic, header or query", read_as},
    {"username", Need::kOptional, "text", [](const YamlNode&, InjectionDraft&, Reader&) {}},
    {"name", Need::kOptional, "name of a header or parameter", [](const YamlNode&, InjectionDraft&, Reader&) {}},
    {"format", Need::kOptional, "text with {}", [](const YamlNode&, InjectionDraft&, Reader&) {}},
};

void take_username(const YamlNode& node, CredentialSpec::Injection& into, Reader& reader) {
  const auto text = read_text(node, "username", reader);
  if (!text) return;
  if (text->empty() || text->size() > kLongestName || text->contains(':') || !is_printable(*text)) {
    return report_value(node.place, *text, "cannot be a user name", "printable ASCII without ':'", reader);
  }
  into.username = *text;
}

void take_name(const YamlNode& node, CredentialSpec::Injection& into, Reader& reader) {
  const auto text = read_text(node, "name", reader);
  if (!text) return;
  const bool header = into.as == As::kHeader;
  const bool valid = header ? is_header_name(*text) : !text->empty() && !text->contains(' ') && is_printable(*text);
  if (!valid || text->size() > kLongestName) {
    return report_value(node.place, *text, header ? "is not a header name" : "is not the name of a parameter", "",
                        reader);
  }
  if (header && std::ranges::binary_search(kForbiddenHeaders, canonical_header(*text))) {
    reader.report(node.place, Code::kForbiddenHeader, fmt::format("a credential cannot be '{}'", *text),
                  "it says where a message goes or ends");
  }
  into.name = *text;
}

void take_format(const YamlNode& node, CredentialSpec::Injection& into, Reader& reader) {
  const auto text = read_text(node, "format", reader);
  if (!text) return;
  const auto place = text->find("{}");
  const bool once = place != std::string_view::npos && text->find("{}", place + 1) == std::string_view::npos;
  if (!once || !is_printable(*text) || text->size() > 4 * kLongestName) {
    return report_value(node.place, *text, "cannot be a format", "printable ASCII with '{}' once, for the secret",
                        reader);
  }
  into.format = *text;
}

using Take = void (*)(const YamlNode&, CredentialSpec::Injection&, Reader&);

/// A field that belongs to some kinds only: required there (or not), an error elsewhere.
void take_for(const YamlNode& object, std::string_view key, bool belongs, Need need, std::string_view kinds, Take take,
              CredentialSpec::Injection& into, Reader& reader) {
  const auto member = std::ranges::find(object.members, key, &YamlMember::key);
  if (member == object.members.end()) {
    if (belongs && need == Need::kRequired) report_missing_key(object.place, key, kinds, "inject", reader);
  } else if (belongs) {
    take(member->value, into, reader);
  } else {
    reader.report(member->place, Code::kConflict, fmt::format("'{}' is {}", key, kinds));
  }
}

void read_injections(const YamlNode& node, CredentialSpec& into, Reader& reader) {
  for (const YamlNode& item : some_items(node, "inject", reader)) {
    InjectionDraft draft;
    draft.injection.place = item.place;
    (void)read_object<InjectionDraft>(item, "inject", kInjectionFields, draft, reader);
    if (item.kind != YamlNode::Kind::kMap || !draft.has_as) continue;
    CredentialSpec::Injection& injection = draft.injection;
    const bool header = injection.as == As::kHeader;
    take_for(item, "username", injection.as == As::kBasic, Need::kRequired, "for 'as: basic'", take_username, injection,
             reader);
    take_for(item, "name", header || injection.as == As::kQuery, Need::kRequired, "for 'as: header' and 'as: query'",
             take_name, injection, reader);
    take_for(item, "format", header, Need::kOptional, "for 'as: header'", take_format, injection, reader);
    into.inject.push_back(std::move(injection));
  }
}

struct SpecDraft {
  CredentialSpec& credential;
  SourceOrigin origin;
};

constexpr Field<SpecDraft> kSpecFields[] = {
    {"source", Need::kRequired, "file, env, exec or store",
     [](const YamlNode& n, SpecDraft& draft, Reader& r) { read_source(n, draft.origin, draft.credential.source, r); }},
    {"inject", Need::kRequired, "list of places",
     [](const YamlNode& n, SpecDraft& draft, Reader& r) { read_injections(n, draft.credential, r); }},
};

}  // namespace

void read_credential(const YamlNode& spec, SourceOrigin origin, CredentialSpec& into, Reader& reader) {
  SpecDraft draft{into, origin};
  read_object<SpecDraft>(spec, "credential", kSpecFields, draft, reader);
}

}  // namespace enforcer::policy
