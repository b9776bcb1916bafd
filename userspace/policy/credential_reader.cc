#include "policy/credential_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "policy/credential_text.h"
#include "policy/exchange_reader.h"
#include "policy/injection_reader.h"
#include "policy/source_reader.h"

namespace enforcer::policy {
namespace {

using As = CredentialSpec::Injection::As;
using Form = CredentialSpec::Placeholder::Form;

constexpr std::size_t kLongestPlaceholder = 256;

struct SpecDraft {
  CredentialSpec& credential;
  SourceOrigin origin;
};

void read_variable(const YamlMember& member, CredentialSpec& into, Reader& reader) {
  static constexpr std::string_view kWords[] = {"token", "id", "secret"};
  static constexpr Form kForms[] = {Form::kToken, Form::kId, Form::kSecret};
  const auto text = read_text(member.value, "a placeholder", reader);
  if (!is_variable(member.key)) {
    return report_value(member.place, member.key, "is not the name of an environment variable", "", reader);
  }
  if (!text) return;
  CredentialSpec::Placeholder placeholder{.variable = member.key};
  const auto* const word = std::ranges::find(kWords, *text);
  if (word != std::end(kWords)) {
    placeholder.form = kForms[word - std::begin(kWords)];
  } else if (has_one_hole(*text) && is_printable(*text) && text->size() <= kLongestPlaceholder) {
    placeholder.format = *text;
  } else {
    return report_value(member.value.place, *text, "cannot be a placeholder",
                        "id, secret, token, or printable ASCII with '{}' once, as in ghp_{}", reader);
  }
  into.placeholders.push_back(std::move(placeholder));
}

constexpr Shape kForm =
    shape::text("id, secret, token or text with {}", R"(^(id|secret|token|.*\{\}.*)$)").like("ghp_{}");

constexpr Field<CredentialSpec> kPlaceholderFields[] = {
    {"env", Need::kRequired, shape::some_mapping(kForm, "mapping of variable to form", "^[A-Za-z0-9_]{1,128}$"),
     "Variables of the guest that only look like the secret, so that tools start: `id` and `secret` as AWS's keys are, "
     "`token`, or a text with `{}` for what is random.",
     [](const YamlNode& n, CredentialSpec& credential, Reader& r) {
       if (!expect_map(n, "env", r)) return;
       if (n.members.empty()) r.report(n.place, Code::kEmpty, "env must not be empty");
       for (const YamlMember& member : n.members) read_variable(member, credential, r);
     }},
};

constexpr Shape kInjection = shape::object(injection_fields, "place").with(kInjectionBelongings);

constexpr Field<SpecDraft> kSpecFields[] = {
    {"source", Need::kRequired, shape::one_key(source_fields, "file, systemd, env, exec, store or vault"),
     "Where the secret is.",
     [](const YamlNode& n, SpecDraft& draft, Reader& r) { read_source(n, draft.origin, draft.credential.source, r); }},
    {"exchange", Need::kOptional, shape::one_key(exchange_fields, "oauth2, githubApp or assumeRole"),
     "What the value is exchanged for. Left out, it goes to the hosts itself.",
     [](const YamlNode& n, SpecDraft& draft, Reader& r) { read_exchange(n, draft.credential.exchange, r); }},
    {"inject", Need::kRequired, shape::some(kInjection, "list of places"),
     "Where the value may go, and in which place of a request.",
     [](const YamlNode& n, SpecDraft& draft, Reader& r) { read_injections(n, draft.credential.inject, r); }},
    {"placeholder", Need::kOptional, shape::object(fields_of<kPlaceholderFields>, "env"),
     "What a guest sees instead of the secret.",
     [](const YamlNode& n, SpecDraft& draft, Reader& r) {
       read_object<CredentialSpec>(n, "placeholder", kPlaceholderFields, draft.credential, r);
     }},
};

/// A key pair is nothing that could be sent, and a token nothing to sign with.
void check_kinds(const CredentialSpec& credential, Reader& reader) {
  if (credential.inject.empty()) return;
  const auto signing = [](const CredentialSpec::Injection& injection) { return injection.as == As::kSigV4; };
  const bool first = signing(credential.inject.front());
  for (const auto& injection : credential.inject) {
    if (signing(injection) == first) continue;
    reader.report(injection.place, Code::kMixedInjection,
                  fmt::format("'as: {}' stands beside 'as: {}': keys that sign are never sent", label(injection.as),
                              label(credential.inject.front().as)),
                  "a Credential for each");
    return;
  }
}

/// What the exchange gives, and where that can go.
struct Gives {
  std::string_view exchange;
  std::string_view what;
  std::vector<As> takes;
};

const Gives* given_by(const CredentialExchange& exchange) {
  using enum CredentialSpec::Injection::As;
  static const Gives oauth2{"oauth2", "a token", {kBearer, kBasic, kHeader, kQuery, kGithub}};
  static const Gives github{"githubApp", "a token of GitHub's", {kBearer, kBasic, kHeader, kGithub}};
  static const Gives role{"assumeRole", "keys that sign", {kSigV4}};
  if (std::holds_alternative<Oauth2Exchange>(exchange)) return &oauth2;
  if (std::holds_alternative<GithubAppExchange>(exchange)) return &github;
  return std::holds_alternative<AssumeRoleExchange>(exchange) ? &role : nullptr;
}

void check_exchange(const CredentialSpec& credential, Reader& reader) {
  const Gives* gives = given_by(credential.exchange);
  if (gives == nullptr) return;
  for (const auto& injection : credential.inject) {
    if (std::ranges::find(gives->takes, injection.as) != gives->takes.end()) continue;
    reader.report(
        injection.place, Code::kWrongExchange,
        fmt::format("'as: {}' does not take what '{}' gives: {}", label(injection.as), gives->exchange, gives->what));
  }
}

}  // namespace

std::vector<FieldShape> credential_fields() {
  return fields_of<kSpecFields>();
}

void read_credential(const YamlNode& spec, SourceOrigin origin, CredentialSpec& into, Reader& reader) {
  SpecDraft draft{into, origin};
  read_object<SpecDraft>(spec, "credential", kSpecFields, draft, reader);
  check_kinds(into, reader);
  check_exchange(into, reader);
}

}  // namespace enforcer::policy
