// What a Credential says, as the program has it: sources, exchanges, places and placeholders. The refusals are in
// broken/.
#include <doctest/doctest.h>

#include <utility>

#include "fixture.h"
#include "policy/credential_spec.h"

namespace enforcer::policy::test {
namespace {

using Source = CredentialSpec::Source;
using Shape = CredentialSpec::Shape;
using As = CredentialSpec::Injection::As;

const std::string kBearer = "inject: [{to: [a.test], as: bearer}]";
const std::string kSigning =
    "inject: [{to: [ce.us-east-1.amazonaws.com], as: sigv4, services: [ce], regions: [us-east-1]}]";

CredentialSpec spec_of(const std::string& spec) {
  return must_load({"apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {name: bot}\nspec:\n  {" + spec + "}\n"})
      ->credentials()
      .front();
}

template <class Exchange>
Exchange exchange_of(const std::string& text, const std::string& inject = kBearer) {
  const CredentialSpec spec = spec_of("source: {store: true}, exchange: {" + text + "}, " + inject);
  REQUIRE(std::holds_alternative<Exchange>(spec.exchange));
  return std::get<Exchange>(spec.exchange);
}

HttpsUrl url(std::string_view text) {
  return *HttpsUrl::parse(text);
}

TEST_CASE("a_source_may_be_a_credential_of_the_service_manager") {
  for (const char* name : {"bot", "a.b-c_D9", ".hidden"}) {
    const CredentialSpec spec = spec_of("source: {systemd: " + std::string(name) + "}, " + kBearer);
    CHECK(spec.source.kind == Source::Kind::kSystemd);
    CHECK(spec.source.variable == name);
    CHECK(spec.source_shape() == Shape::kLine);
    CHECK(std::holds_alternative<std::monostate>(spec.exchange));
  }
}

TEST_CASE("a_source_may_be_a_place_in_vault_that_is_asked_with_a_token_or_by_app_role") {
  const auto vault = [](const std::string& text) {
    const Source source = spec_of("source: {vault: {" + text + "}}, " + kBearer).source;
    CHECK(source.kind == Source::Kind::kVault);
    REQUIRE(source.vault);
    return *source.vault;
  };
  CHECK(vault("address: 'https://vault.test:8200', path: ci/bot, tokenFile: /run/token") ==
        VaultPlace{.address = url("https://vault.test:8200"), .path = "ci/bot", .token_file = "/run/token"});
  CHECK(vault("address: 'https://vault.test', mount: kv/team, path: bot, key: token, namespace: acme/x, roleId: r-1, "
              "secretIdFile: /run/id") == VaultPlace{.address = url("https://vault.test"),
                                                     .mount = "kv/team",
                                                     .path = "bot",
                                                     .key = "token",
                                                     .name_space = "acme/x",
                                                     .role_id = "r-1",
                                                     .secret_id_file = "/run/id"});
}

TEST_CASE("every_field_of_an_oauth2_exchange_is_read") {
  using Grant = Oauth2Exchange::Grant;
  CHECK(exchange_of<Oauth2Exchange>("oauth2: {grant: clientCredentials, tokenUrl: 'https://id.test/token', clientId: "
                                    "agent, scopes: [read, 'x:write'], audience: 'https://a.test'}") ==
        Oauth2Exchange{.grant = Grant::kClientCredentials,
                       .token_url = url("https://id.test/token"),
                       .client_id = "agent",
                       .scope = "read x:write",
                       .audience = "https://a.test"});
  CHECK(exchange_of<Oauth2Exchange>("oauth2: {grant: refreshToken, tokenUrl: 'https://id.test:8443/t', clientId: c}") ==
        Oauth2Exchange{.grant = Grant::kRefreshToken, .token_url = url("https://id.test:8443/t"), .client_id = "c"});
  CHECK(exchange_of<Oauth2Exchange>("oauth2: {grant: jwtBearer, tokenUrl: 'https://id.test/token', clientId: "
                                    "bot@p.test, audience: aud, subject: someone@p.test}") ==
        Oauth2Exchange{.grant = Grant::kJwtBearer,
                       .token_url = url("https://id.test/token"),
                       .client_id = "bot@p.test",
                       .audience = "aud",
                       .subject = "someone@p.test"});
}

TEST_CASE("every_field_of_a_github_app_exchange_is_read") {
  CHECK(exchange_of<GithubAppExchange>("githubApp: {api: 'https://github.acme.test/api/v3', app: Iv1.8a61f9b3a7aba766, "
                                       "installation: 1234567, repositories: [w, w.github.io], permissions: {contents: "
                                       "write, pull_requests: read, administration: admin}}") ==
        GithubAppExchange{
            .api = url("https://github.acme.test/api/v3"),
            .app = "Iv1.8a61f9b3a7aba766",
            .installation = "1234567",
            .repositories = {"w", "w.github.io"},
            .permissions = {{"contents", "write"}, {"pull_requests", "read"}, {"administration", "admin"}}});
  CHECK(exchange_of<GithubAppExchange>("githubApp: {api: 'https://api.github.com', app: 1, installation: 2}",
                                       "inject: [{to: [a.test], as: github}, {to: [b.test], as: basic, username: x}, "
                                       "{to: [c.test], as: header, name: X-Key}]") ==
        GithubAppExchange{.api = url("https://api.github.com"), .app = "1", .installation = "2"});
}

TEST_CASE("every_field_of_an_assume_role_exchange_is_read") {
  CHECK(exchange_of<AssumeRoleExchange>(
            "assumeRole: {role: 'arn:aws:iam::123456789012:role/agents/cost+x', region: eu-central-1, sts: "
            "'https://sts.test:8443', sessionName: 'e-{guest}-{epoch}', tags: {Team: '{label:team/x}', On: 'a b'}, "
            "policy: '{\"Version\": \"2012-10-17\"}', duration: 15m}",
            kSigning) == AssumeRoleExchange{.sts = url("https://sts.test:8443"),
                                            .region = "eu-central-1",
                                            .role = "arn:aws:iam::123456789012:role/agents/cost+x",
                                            .session_name = "e-{guest}-{epoch}",
                                            .tags = {{"Team", "{label:team/x}"}, {"On", "a b"}},
                                            .session_policy = "{\"Version\": \"2012-10-17\"}",
                                            .duration = std::chrono::minutes(15)});
}

TEST_CASE("an_assumed_role_has_the_sts_of_its_region_the_guests_name_and_an_hour") {
  const auto made = [](const std::string& partition, const std::string& region, const std::string& more = "") {
    return exchange_of<AssumeRoleExchange>(
        "assumeRole: {role: 'arn:" + partition + ":iam::123456789012:role/x', region: " + region + more + "}",
        kSigning);
  };
  const AssumeRoleExchange plain = made("aws", "us-east-1");
  CHECK(text_of(plain.sts) == "https://sts.us-east-1.amazonaws.com/");
  CHECK((plain.session_name == "{guest}" && plain.tags.empty() && plain.session_policy.empty()));
  CHECK(plain.duration == std::chrono::hours(1));
  CHECK(text_of(made("aws-cn", "cn-northwest-1").sts) == "https://sts.cn-northwest-1.amazonaws.com.cn/");
  CHECK(text_of(made("aws-us-gov", "us-gov-west-1").sts) == "https://sts.us-gov-west-1.amazonaws.com/");
  CHECK(made("aws", "us-east-1", ", duration: 12h").duration == std::chrono::hours(12));
}

TEST_CASE("only_three_words_stand_for_something_between_braces") {
  const auto codes = [](const std::string& name) {
    std::string all;
    const std::string text =
        "apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {name: bot}\nspec: {source: {store: true}, exchange: "
        "{assumeRole: {role: 'arn:aws:iam::123456789012:role/x', region: us-east-1, sessionName: '" +
        name + "'}}, " + kSigning + "}\n";
    const SourceText source{"c.yaml", text};
    for (const Diagnostic& diagnostic : load({&source, 1}, 1).diagnostics) all += diagnostic.code;
    return all;
  };
  for (const char* good : {"{guest}", "{epoch}", "{label:team}", "{label:a b}", "{label:label:}", "{guest}{epoch}",
                           "x-{guest}", "{guest}-x", "no-braces"}) {
    CHECK_MESSAGE(codes(good) == "", std::string(good));
  }
  for (const char* wrong : {"{}x", "{guests}", "{Guest}", "{ guest}", "{label}", "{label:}", "{guest", "guest}",
                            "{{guest}}", "{guest}}", "{guest}{", "{label:{guest}}", "{guest}{secret}"}) {
    CHECK_MESSAGE(codes(wrong) == "E0222", std::string(wrong));
  }
}

TEST_CASE("every_kind_of_place_is_read") {
  const CredentialSpec keys = spec_of(
      "source: {store: true}, inject: [{to: ['ce.*.amazonaws.com', 'b.s3.eu-central-1.amazonaws.com', minio.test], "
      "as: "
      "sigv4, services: [ce, s3], regions: [us-east-1, cn-northwest-1]}]");
  REQUIRE(keys.inject.size() == 1);
  CHECK(keys.inject[0].as == As::kSigV4);
  CHECK(keys.inject[0].services == std::vector<std::string>{"ce", "s3"});
  CHECK(keys.inject[0].regions == std::vector<std::string>{"us-east-1", "cn-northwest-1"});
  CHECK(keys.signs());
  CHECK(keys.source_shape() == Shape::kKeyPair);

  const CredentialSpec token = spec_of("source: {store: true}, inject: [{to: [github.com], as: github}]");
  CHECK(token.inject[0].as == As::kGithub);
  CHECK_FALSE(token.signs());
}

TEST_CASE("a_pattern_is_held_against_services_where_it_tells_one") {
  const auto codes = [](const std::string& to) {
    const std::string text =
        "apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {name: bot}\nspec: {source: {store: true}, inject: "
        "[{to: ['" +
        to + "'], as: sigv4, services: [ce, s3], regions: [us-east-1]}]}\n";
    std::string all;
    const SourceText source{"c.yaml", text};
    for (const Diagnostic& diagnostic : load({&source, 1}, 1).diagnostics) all += diagnostic.code;
    return all;
  };
  for (const char* fits :
       {"ce.us-east-1.amazonaws.com", "ce.*.amazonaws.com", "b.s3.us-east-1.amazonaws.com", "b.s3.*.amazonaws.com",
        "s3-*.amazonaws.com", "*.*.amazonaws.com", "**.amazonaws.com", "s3.acme.test", "*.s3.acme.test",
        "ce.cn-north-1.amazonaws.com.cn", "ce.us-east-1.api.aws"}) {
    CHECK_MESSAGE(codes(fits) == "", std::string(fits));
  }
  for (const char* other : {"sts.us-east-1.amazonaws.com", "sts.amazonaws.com", "ec2.*.amazonaws.com",
                            "iam.cn-north-1.amazonaws.com.cn", "a.execute-api.us-east-1.amazonaws.com"}) {
    CHECK_MESSAGE(codes(other) == "E0221", std::string(other));
  }
}

TEST_CASE("placeholders_have_a_form_or_a_format") {
  using Form = CredentialSpec::Placeholder::Form;
  const CredentialSpec spec = spec_of("source: {store: true}, " + kBearer +
                                      ", placeholder: {env: {A_ID: id, A_SECRET: secret, TOKEN: token, GH: 'ghp_{}'}}");
  REQUIRE(spec.placeholders.size() == 4);
  const auto is = [&](std::size_t i, const char* variable, Form form, const char* format) {
    const auto& placeholder = spec.placeholders[i];
    return placeholder.variable == variable && placeholder.form == form && placeholder.format == format;
  };
  CHECK(is(0, "A_ID", Form::kId, "{}"));
  CHECK(is(1, "A_SECRET", Form::kSecret, "{}"));
  CHECK(is(2, "TOKEN", Form::kToken, "{}"));
  CHECK(is(3, "GH", Form::kToken, "ghp_{}"));
}

TEST_CASE("an_exchange_says_what_shape_its_source_has") {
  const auto shape = [](const std::string& exchange, const std::string& inject) {
    return spec_of("source: {store: true}, exchange: {" + exchange + "}, " + inject).source_shape();
  };
  const std::string oauth2 = ", tokenUrl: 'https://id.test/', clientId: c}";
  CHECK(shape("oauth2: {grant: clientCredentials" + oauth2, kBearer) == Shape::kLine);
  CHECK(shape("oauth2: {grant: jwtBearer" + oauth2, kBearer) == Shape::kPrivateKey);
  CHECK(shape("githubApp: {api: 'https://a.test', app: 1, installation: 2}", kBearer) == Shape::kPrivateKey);
  CHECK(shape("assumeRole: {role: 'arn:aws:iam::123456789012:role/x', region: us-east-1}", kSigning) ==
        Shape::kKeyPair);
}

}  // namespace
}  // namespace enforcer::policy::test
