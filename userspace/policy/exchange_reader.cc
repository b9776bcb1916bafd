#include "policy/exchange_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "policy/assume_role_reader.h"
#include "policy/credential_text.h"

namespace enforcer::policy {
namespace {

constexpr std::size_t kLongestIdentifier = 256;
constexpr std::size_t kLongestRepository = 100;

struct Oauth2Draft {
  std::optional<Oauth2Exchange::Grant> grant;
  std::optional<HttpsUrl> token_url;
  std::string client_id;
  std::string scope;
  std::string audience;
  std::string subject;
};

constexpr std::string_view kGrantWords[] = {"clientCredentials", "refreshToken", "jwtBearer"};

void read_grant(const YamlNode& node, Oauth2Draft& draft, Reader& reader) {
  using enum Oauth2Exchange::Grant;
  static constexpr Oauth2Exchange::Grant kGrants[] = {kClientCredentials, kRefreshToken, kJwtBearer};
  if (const auto choice = read_choice(node, kGrantWords, reader)) draft.grant = kGrants[*choice];
}

/// RFC 6749 3.3.
bool is_scope(std::string_view text) {
  return is_visible(text) && text.size() <= kLongestIdentifier && text.find_first_of("\"\\") == std::string_view::npos;
}

void read_scopes(const YamlNode& node, Oauth2Draft& draft, Reader& reader) {
  for (const YamlNode& item : some_items(node, "scopes", reader)) {
    const auto text = read_text(item, "a scope", reader);
    if (!text) continue;
    if (!is_scope(*text)) {
      report_value(item.place, *text, "is not a scope", "one word for each entry", reader);
      continue;
    }
    if (!draft.scope.empty()) draft.scope += ' ';
    draft.scope += *text;
  }
}

constexpr Shape kVisibleText = shape::text("text", "^[!-~]{1,256}$");
constexpr Shape kScope = shape::text("scope", R"(^[!#-\[\]-~]{1,256}$)");

constexpr Field<Oauth2Draft> kOauth2Fields[] = {
    {"grant", Need::kRequired, shape::choice(kGrantWords), "How the token is asked for (RFC 6749, 7523).", read_grant},
    {"tokenUrl", Need::kRequired, shape::kHttpsUrl, "Where tokens are made.",
     [](const YamlNode& n, Oauth2Draft& draft, Reader& r) { draft.token_url = read_https_url(n, "tokenUrl", r); }},
    {"clientId", Need::kRequired, kVisibleText, "As whom.",
     [](const YamlNode& n, Oauth2Draft& draft, Reader& r) {
       draft.client_id = read_visible(n, "clientId", kLongestIdentifier, r).value_or("");
     }},
    {"scopes", Need::kOptional, shape::some(kScope, "list of scopes"), "What the token is for.", read_scopes},
    {"audience", Need::kOptional, kVisibleText, "Whom the token is for; not for `refreshToken`.",
     [](const YamlNode& n, Oauth2Draft& draft, Reader& r) {
       draft.audience = read_visible(n, "audience", kLongestIdentifier, r).value_or("");
     }},
    {"subject", Need::kOptional, kVisibleText, "For `jwtBearer`: on whose behalf.",
     [](const YamlNode& n, Oauth2Draft& draft, Reader& r) {
       draft.subject = read_visible(n, "subject", kLongestIdentifier, r).value_or("");
     }},
};

/// What a grant would not send is no setting of it.
bool check_grant(const YamlNode& node, Oauth2Exchange::Grant grant, Reader& reader) {
  const std::size_t before = reader.errors();
  for (const YamlMember& member : node.members) {
    if (member.key == "audience" && grant == Oauth2Exchange::Grant::kRefreshToken) {
      reader.report(member.place, Code::kConflict, "'audience' is not for 'grant: refreshToken'");
    }
    if (member.key == "subject" && grant != Oauth2Exchange::Grant::kJwtBearer) {
      reader.report(member.place, Code::kConflict, "'subject' is for 'grant: jwtBearer'");
    }
  }
  return reader.errors() == before;
}

struct ExchangeDraft {
  CredentialExchange exchange;
};

void read_oauth2(const YamlNode& node, ExchangeDraft& into, Reader& reader) {
  Oauth2Draft draft;
  const bool read = read_object<Oauth2Draft>(node, "oauth2", kOauth2Fields, draft, reader);
  if (!draft.grant || !check_grant(node, *draft.grant, reader) || !read || !draft.token_url) return;
  into.exchange = Oauth2Exchange{.grant = *draft.grant,
                                 .token_url = *std::move(draft.token_url),
                                 .client_id = std::move(draft.client_id),
                                 .scope = std::move(draft.scope),
                                 .audience = std::move(draft.audience),
                                 .subject = std::move(draft.subject)};
}

struct GithubAppDraft {
  std::optional<HttpsUrl> api;
  std::string app;
  std::string installation;
  std::vector<std::string> repositories;
  std::vector<std::pair<std::string, std::string>> permissions;
};

bool is_repository_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestRepository && std::ranges::all_of(text, [](char c) {
    return ascii::is_alphanumeric(c) || std::string_view("-_.").contains(c);
  });
}

void read_repositories(const YamlNode& node, GithubAppDraft& draft, Reader& reader) {
  for (const YamlNode& item : some_items(node, "repositories", reader)) {
    const auto text = read_text(item, "a repository", reader);
    if (!text) continue;
    if (is_repository_name(*text)) {
      draft.repositories.emplace_back(*text);
    } else {
      report_value(item.place, *text, "is not the name of a repository", "without owner: an installation has one owner",
                   reader);
    }
  }
}

constexpr std::string_view kLevels[] = {"read", "write", "admin"};
constexpr std::uint64_t kMostInstallation = 1'000'000'000'000;

void read_permissions(const YamlNode& node, GithubAppDraft& draft, Reader& reader) {
  if (!expect_map(node, "permissions", reader)) return;
  if (node.members.empty()) reader.report(node.place, Code::kEmpty, "permissions must not be empty");
  for (const YamlMember& member : node.members) {
    const auto level = read_choice(member.value, kLevels, reader);
    const auto fits = [](char c) { return ascii::is_lower(c) || c == '_'; };
    if (member.key.empty() || !std::ranges::all_of(member.key, fits)) {
      report_value(member.place, member.key, "is not a permission of GitHub", "as in pull_requests", reader);
    } else if (level) {
      draft.permissions.emplace_back(member.key, kLevels[*level]);
    }
  }
}

constexpr Shape kRepositoryName = shape::text("name", "^[A-Za-z0-9_.-]{1,100}$");
constexpr Shape kLevel = shape::choice(kLevels);

constexpr Field<GithubAppDraft> kGithubAppFields[] = {
    {"api", Need::kRequired, shape::kHttpsUrl, "The API of that GitHub.",
     [](const YamlNode& n, GithubAppDraft& draft, Reader& r) { draft.api = read_https_url(n, "api", r); }},
    {"app", Need::kRequired, shape::text("App id or client id", "^[!-~]{1,256}$"),
     "The App that the source's key belongs to.",
     [](const YamlNode& n, GithubAppDraft& draft, Reader& r) {
       draft.app = read_visible(n, "app", kLongestIdentifier, r).value_or("");
     }},
    {"installation", Need::kRequired, shape::number(1, kMostInstallation, "number of the installation"),
     "Where the App is installed.",
     [](const YamlNode& n, GithubAppDraft& draft, Reader& r) {
       if (const auto number = read_number(n, 1, kMostInstallation, r)) draft.installation = std::to_string(*number);
     }},
    {"repositories", Need::kOptional, shape::some(kRepositoryName, "list of names"),
     "Only these repositories of the installation, without owner.", read_repositories},
    {"permissions", Need::kOptional, shape::some_mapping(kLevel, "mapping of permission to level", "^[a-z_]+$"),
     "Only these permissions of the App.", read_permissions},
};

void read_github_app(const YamlNode& node, ExchangeDraft& into, Reader& reader) {
  GithubAppDraft draft;
  const bool read = read_object<GithubAppDraft>(node, "githubApp", kGithubAppFields, draft, reader);
  if (!read || !draft.api) return;
  into.exchange = GithubAppExchange{.api = *std::move(draft.api),
                                    .app = std::move(draft.app),
                                    .installation = std::move(draft.installation),
                                    .repositories = std::move(draft.repositories),
                                    .permissions = std::move(draft.permissions)};
}

constexpr Field<ExchangeDraft> kExchangeFields[] = {
    {"oauth2", Need::kOptional, shape::object(fields_of<kOauth2Fields>), "An access token of OAuth 2.0.", read_oauth2},
    {"githubApp", Need::kOptional, shape::object(fields_of<kGithubAppFields>), "A token of an App's installation.",
     read_github_app},
    {"assumeRole", Need::kOptional, shape::object(assume_role_fields), "Keys of a session of an AWS role.",
     [](const YamlNode& n, ExchangeDraft& draft, Reader& r) {
       if (auto role = read_assume_role(n, r)) draft.exchange = *std::move(role);
     }},
};

}  // namespace

std::vector<FieldShape> exchange_fields() {
  return fields_of<kExchangeFields>();
}

void read_exchange(const YamlNode& node, CredentialExchange& into, Reader& reader) {
  ExchangeDraft draft;
  if (!read_object<ExchangeDraft>(node, "exchange", kExchangeFields, draft, reader)) return;
  if (node.members.empty()) {
    report_missing_key(node.place, "oauth2", "or githubApp, assumeRole", "exchange", reader);
  } else if (node.members.size() > 1) {
    reader.report(node.members[1].place, Code::kConflict,
                  "a value is exchanged in one way: oauth2, githubApp or assumeRole");
  } else {
    into = std::move(draft.exchange);
  }
}

}  // namespace enforcer::policy
