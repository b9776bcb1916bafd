#include "policy/injection_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "policy/aws_host.h"
#include "policy/aws_scope.h"
#include "policy/credential_text.h"
#include "policy/header_name.h"
#include "policy/rule_reader.h"

namespace enforcer::policy {
namespace {

using As = CredentialSpec::Injection::As;

constexpr std::size_t kLongestName = 128;

// Fields that say where a message ends, where it goes or what the next hop does with it (RFC 9110 7.6.1, 9112 6): a
// secret there would be lost, or change which request it is.
constexpr std::string_view kForbiddenHeaders[] = {
    "connection",          "content-length",   "expect", "host",    "keep-alive",        "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te",     "trailer", "transfer-encoding", "upgrade",
};

struct InjectionDraft {
  CredentialSpec::Injection injection;
  bool has_as = false;
};

constexpr std::string_view kAsWords[] = {"bearer", "basic", "header", "query", "github", "sigv4"};

void read_as(const YamlNode& node, InjectionDraft& draft, Reader& reader) {
  static constexpr As kValues[] = {As::kBearer, As::kBasic, As::kHeader, As::kQuery, As::kGithub, As::kSigV4};
  const auto choice = read_choice(node, kAsWords, reader);
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

// Which of them belong to a kind shows when the kind is known; take_for() reads them.
constexpr Shape kInjectionHost = shape::text("host").like("api.example.com");
constexpr Shape kAwsWord = shape::text("text", "^[a-z0-9-]+$");

constexpr Field<InjectionDraft> kInjectionFields[] = {
    {"to", Need::kRequired, shape::some(kInjectionHost, "list of hosts"),
     "The hosts that may see the secret. Without a port: 443.",
     [](const YamlNode& n, InjectionDraft& draft, Reader& r) {
       read_targets(n, "to", PortDefault::kHttps, draft.injection.to, r);
       for (const Target& target : draft.injection.to) check_target(target, r);
     }},
    {"as", Need::kRequired, shape::choice(kAsWords),
     "`bearer`: `Authorization: Bearer …`. `basic`: with `username`. `header`: the header `name`, as `format` says. "
     "`query`: the parameter `name`. `github`: as git or the API wants it. `sigv4`: AWS signatures are made again "
     "with it, for `services` in `regions`.",
     read_as},
    {"username", Need::kOptional, shape::text(), "For `as: basic`.", [](const YamlNode&, InjectionDraft&, Reader&) {}},
    {"name", Need::kOptional, shape::text("name of a header or parameter"), "For `as: header` and `as: query`.",
     [](const YamlNode&, InjectionDraft&, Reader&) {}},
    {"format", Need::kOptional, shape::text("text with {}", R"(\{\})").like("Token {}"),
     "For `as: header`: the value of the header, with `{}` once for the secret.",
     [](const YamlNode&, InjectionDraft&, Reader&) {}},
    {"services", Need::kOptional, shape::some(kAwsWord, "list of services"),
     "For `as: sigv4`: as signatures spell them, such as `ce`.", [](const YamlNode&, InjectionDraft&, Reader&) {}},
    {"regions", Need::kOptional, shape::some(kAwsWord, "list of regions"), "For `as: sigv4`: such as `eu-central-1`.",
     [](const YamlNode&, InjectionDraft&, Reader&) {}},
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
  if (!has_one_hole(*text) || !is_printable(*text) || text->size() > 4 * kLongestName) {
    return report_value(node.place, *text, "cannot be a format", "printable ASCII with '{}' once, for the secret",
                        reader);
  }
  into.format = *text;
}

void take_words(const YamlNode& node, std::string_view what, std::string_view hint, std::vector<std::string>& into,
                Reader& reader) {
  for (const YamlNode& item : some_items(node, what, reader)) {
    const auto text = read_text(item, "an entry", reader);
    if (!text) continue;
    if (is_aws_word(*text)) {
      into.emplace_back(*text);
    } else {
      report_value(item.place, *text, fmt::format("cannot stand in '{}'", what), std::string(hint), reader);
    }
  }
}

void take_services(const YamlNode& node, CredentialSpec::Injection& into, Reader& reader) {
  take_words(node, "services", "name each service as signatures spell it, such as ce: the keys sign for no other",
             into.services, reader);
}

void take_regions(const YamlNode& node, CredentialSpec::Injection& into, Reader& reader) {
  take_words(node, "regions", "name each region, such as eu-central-1: the keys sign for no other", into.regions,
             reader);
}

/// The service of all names that the pattern matches; none when they are no hosts of AWS or may be of several services.
std::optional<std::string> service_of_pattern(const HostPattern& pattern) {
  const auto filled = [&](std::string_view label) -> std::optional<std::string> {
    std::string text;
    for (const char c : pattern.text()) {
      if (c != '*') {
        text += c;
      } else if (!text.ends_with(label)) {  // "**" is filled once
        text += label;
      }
    }
    const auto name = HostName::parse(text);
    return name ? aws_service_of(*name) : std::nullopt;
  };
  // A wildcard mostly stands for the region. Where it stands for the service, both differ.
  auto one = filled("us-east-1");
  return one == filled("eu-west-2") ? std::move(one) : std::nullopt;
}

/// A signature that is made for another service than the host's is refused by AWS: nothing would ever work.
void check_services(const CredentialSpec::Injection& injection, Reader& reader) {
  if (injection.services.empty()) return;
  for (const Target& target : injection.to) {
    const auto service = target.host() ? service_of_pattern(*target.host()) : std::nullopt;
    if (!service || std::ranges::find(injection.services, *service) != injection.services.end()) continue;
    reader.report(target.place, Code::kOtherService,
                  fmt::format("'{}' serves '{}', which is not among 'services'", target.text, *service),
                  fmt::format("add '{}', or name another host", *service));
  }
}

using Take = void (*)(const YamlNode&, CredentialSpec::Injection&, Reader&);

constexpr std::string_view kAsBasic[] = {"basic"};
constexpr std::string_view kAsHeader[] = {"header"};
constexpr std::string_view kAsNamed[] = {"header", "query"};
constexpr std::string_view kAsSigning[] = {"sigv4"};

// take_rest() reads them in this order.
constexpr Belonging kOfSomeKinds[] = {{"username", Need::kRequired, kAsBasic},
                                      {"name", Need::kRequired, kAsNamed},
                                      {"format", Need::kOptional, kAsHeader},
                                      {"services", Need::kRequired, kAsSigning},
                                      {"regions", Need::kRequired, kAsSigning}};
constexpr Take kTakes[] = {take_username, take_name, take_format, take_services, take_regions};
static_assert(std::size(kTakes) == std::size(kOfSomeKinds));

/// "for 'as: header' and 'as: query'".
std::string said_of(const Belonging& field) {
  std::string out = "for ";
  for (const std::string_view value : field.values) {
    if (value != field.values.front()) out += " and ";
    out += fmt::format("'as: {}'", value);
  }
  return out;
}

void take_for(const YamlNode& object, const Belonging& field, Take take, CredentialSpec::Injection& into,
              Reader& reader) {
  const bool belongs = std::ranges::find(field.values, label(into.as)) != field.values.end();
  const auto member = std::ranges::find(object.members, field.key, &YamlMember::key);
  if (member == object.members.end()) {
    if (belongs && field.need == Need::kRequired) {
      report_missing_key(object.place, field.key, said_of(field), "inject", reader);
    }
  } else if (belongs) {
    take(member->value, into, reader);
  } else {
    reader.report(member->place, Code::kConflict, fmt::format("'{}' is {}", field.key, said_of(field)));
  }
}

/// What belongs to the kind, and nothing else.
void take_rest(const YamlNode& node, CredentialSpec::Injection& injection, Reader& reader) {
  for (std::size_t i = 0; i < std::size(kTakes); ++i) take_for(node, kOfSomeKinds[i], kTakes[i], injection, reader);
  check_services(injection, reader);
}

}  // namespace

constexpr Belongings kInjectionBelongings{"as", kOfSomeKinds};

std::vector<FieldShape> injection_fields() {
  return fields_of<kInjectionFields>();
}

void read_injections(const YamlNode& node, std::vector<CredentialSpec::Injection>& into, Reader& reader) {
  for (const YamlNode& item : some_items(node, "inject", reader)) {
    InjectionDraft draft;
    draft.injection.place = item.place;
    (void)read_object<InjectionDraft>(item, "inject", kInjectionFields, draft, reader);
    if (item.kind != YamlNode::Kind::kMap || !draft.has_as) continue;
    take_rest(item, draft.injection, reader);
    into.push_back(std::move(draft.injection));
  }
}

}  // namespace enforcer::policy
