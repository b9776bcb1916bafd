// The schema may be wider than the language, never narrower: whatever text the loader takes in a place, the schema
// takes there. Texts are made from good ones by random mistakes.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <regex>

#include "pages/json_schema.h"
#include "policy/loader.h"

namespace enforcer::pages::test {
namespace {

struct Spot {
  const char* schema;    ///< JSON pointer to what the schema says about the text
  const char* document;  ///< '@' stands for the text
  std::vector<std::string> seeds;
};

#define OBJECT(kind, spec) "apiVersion: enforcer.dev/v1\nkind: " kind "\nmetadata: {name: x}\nspec: {" spec "}\n"
#define POLICY(spec) OBJECT("Policy", "guests: {names: [g]}, " spec)
#define RULE(keys) POLICY("allow: [{name: a, to: [a.test], " keys "}]")
#define CREDENTIAL(spec) OBJECT("Credential", spec)
#define INJECT "inject: [{to: [a.test], as: bearer}]"
#define SIGV4(services, regions)                                                                                   \
  CREDENTIAL("source: {store: true}, inject: [{to: [a.test], as: sigv4, services: " services ", regions: " regions \
             "}"                                                                                                   \
             "]")
#define ROLE(keys)                                                  \
  CREDENTIAL("source: {store: true}, exchange: {assumeRole: {" keys \
             "}}, inject: [{to: [a.test], as: "                     \
             "sigv4, services: [ce], regions: [us-east-1]}]")
#define SPEC_OF_CREDENTIAL "/allOf/2/then/properties/spec/properties"

const std::vector<Spot>& spots() {
  static const std::vector<Spot> all{
      {"/properties/metadata/properties/name",
       "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: @}\nspec: {guests: {names: [g]}}\n",
       {"a", "coding-agent", "x_1.y", "007"}},
      {"/definitions/allow/properties/name", POLICY("allow: [{name: @, to: [a.test]}]"), {"a", "a-b.c_d", "1.5"}},
      {"/definitions/allow/properties/expires", RULE("expires: @"), {"2026-12-31T00:00:00Z", "1970-01-01T23:59:59Z"}},
      {"/definitions/allow/properties/private", RULE("private: @"), {"true", "false"}},
      {"/definitions/review/properties/timeout",
       POLICY("review: [{name: a, to: [a.test], http: [{methods: [GET]}], timeout: @}]"),
       {"10m", "250ms", "1h", "365d"}},
      {"/definitions/review/properties/approvals",
       POLICY("review: [{name: a, to: [a.test], http: [{methods: [GET]}], approvals: @}]"),
       {"1", "10"}},
      {"/allOf/0/then/properties/spec/properties/limits/properties/uploadBytesPerHour",
       POLICY("limits: {uploadBytesPerHour: @}"),
       {"2Gi", "256Ki", "1048576", "1Ti"}},
      {"/allOf/0/then/properties/spec/properties/limits/properties/connections",
       POLICY("limits: {connections: @}"),
       {"1", "1000000000"}},
      {"/definitions/http/properties/methods/items", RULE("http: [{methods: [@]}]"), {"GET", "M-SEARCH"}},
      {"/definitions/http/properties/paths/items", RULE("http: [{paths: [@]}]"), {"/", "/a/*/b/**", "/a%2Fb;c=d"}},
      {"/definitions/git/properties/repos/items", RULE("git: {repos: [@]}"), {"acme/*", "a/b.git", "a/b/c"}},
      {"/definitions/git/properties/refs/items",
       RULE("git: {repos: [a/b], refs: [@]}"),
       {"refs/heads/main", "refs/**"}},
      {"/definitions/aws/properties/actions/items", RULE("aws: {actions: [@]}"), {"ce:Get*", "*:*", "s3:GetObject"}},
      {"/definitions/test/properties/connect",
       POLICY("tests: [{connect: @, expect: deny}]"),
       {"a.test:443", "[2001:db8::1]:443", "192.0.2.1:80"}},
      {"/definitions/test/properties/request",
       POLICY("tests: [{request: @, expect: deny}]"),
       {"GET https://a.test/b?c", "POST http://a.test"}},
      {"/definitions/test/properties/aws", POLICY("tests: [{aws: @, expect: deny}]"), {"cloudformation:DeleteStack"}},
      {"/definitions/test/properties/git",
       POLICY("tests: [{git: @, expect: deny}]"),
       {"fetch a.test/b/c", "push a.test/b/c refs/heads/main +refs/heads/x"}},
      {SPEC_OF_CREDENTIAL "/source/properties/file", CREDENTIAL("source: {file: @}, " INJECT), {"/a", "/a b/c"}},
      {SPEC_OF_CREDENTIAL "/source/properties/systemd", CREDENTIAL("source: {systemd: @}, " INJECT), {"a", "A_b-c.d"}},
      {SPEC_OF_CREDENTIAL "/source/properties/env", CREDENTIAL("source: {env: @}, " INJECT), {"A", "GH_TOKEN2"}},
      {SPEC_OF_CREDENTIAL "/source/properties/vault/properties/path",
       CREDENTIAL("source: {vault: {address: \"https://v.test\", path: @, tokenFile: /t}}, " INJECT),
       {"acme/ci", "a"}},
      {SPEC_OF_CREDENTIAL "/exchange/properties/oauth2/properties/tokenUrl",
       CREDENTIAL(
           "source: {store: true}, exchange: {oauth2: {grant: clientCredentials, tokenUrl: @, clientId: c}}, " INJECT),
       {"https://id.test/token", "https://id.test:8443"}},
      {SPEC_OF_CREDENTIAL "/exchange/properties/oauth2/properties/scopes/items",
       CREDENTIAL(
           "source: {store: true}, exchange: {oauth2: {grant: clientCredentials, tokenUrl: \"https://i.test/t\", "
           "clientId: c, scopes: [@]}}, " INJECT),
       {"read", "repo:status", "[x]"}},
      {SPEC_OF_CREDENTIAL "/exchange/properties/assumeRole/properties/role",
       ROLE("role: @, region: us-east-1"),
       {"arn:aws:iam::123456789012:role/x", "arn:aws-us-gov:iam::123456789012:role/a/b+c"}},
      {SPEC_OF_CREDENTIAL "/inject/items/properties/services/items",
       SIGV4("[@]", "[us-east-1]"),
       {"ce", "execute-api"}},
      {SPEC_OF_CREDENTIAL "/inject/items/properties/regions/items", SIGV4("[ce]", "[@]"), {"us-east-1", "cn-north-1"}},
      {SPEC_OF_CREDENTIAL "/inject/items/properties/format",
       CREDENTIAL("source: {store: true}, inject: [{to: [a.test], as: header, name: x, format: @}]"),
       {"{}", "Token {}"}},
      {SPEC_OF_CREDENTIAL "/placeholder/properties/env/additionalProperties",
       CREDENTIAL("source: {store: true}, " INJECT ", placeholder: {env: {A: @}}"),
       {"id", "secret", "token", "ghp_{}"}},
  };
  return all;
}

class Mistakes {
 public:
  std::string in(std::string text) {
    for (std::size_t more = below(4); more > 0; --more) {
      const std::size_t at = below(text.size() + 1);
      switch (below(3)) {
        case 0:
          text.insert(at, 1, letter());
          break;
        case 1:
          if (at < text.size()) text.erase(at, 1);
          break;
        default:
          if (at < text.size()) text[at] = letter();
      }
    }
    return text;
  }
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine_); }

 private:
  char letter() {
    static constexpr std::string_view kLetters = "aZz09-_.:/*+@?#%{}[]()<>=&;,!$'~^|` ";
    return kLetters[below(kLetters.size())];
  }
  std::mt19937 engine_{20};
};

bool loads(const Spot& spot, const std::string& text) {
  std::string document = spot.document;
  document.replace(document.find('@'), 1, nlohmann::json(text).dump());
  const policy::SourceText source{"x.yaml", document};
  return policy::load({&source, 1}, 1).snapshot != nullptr;
}

/// What a validator would say of this text, by the words that the schema uses for texts.
bool schema_takes(const nlohmann::json& schema, const std::string& text) {
  if (schema.contains("anyOf")) {
    return std::ranges::any_of(schema["anyOf"], [&](const auto& choice) { return schema_takes(choice, text); });
  }
  if (schema.contains("enum")) return std::ranges::find(schema["enum"], nlohmann::json(text)) != schema["enum"].end();
  const auto& type = schema.at("type");
  const bool texts = type == "string" || (type.is_array() && std::ranges::find(type, "string") != type.end());
  return texts && std::regex_search(text, std::regex(schema.at("pattern").get<std::string>()));
}

TEST_CASE("the_schema_takes_every_text_that_the_loader_takes") {
  const auto schema = nlohmann::json::parse(policy_schema());
  Mistakes mistakes;
  for (const Spot& spot : spots()) {
    CAPTURE(spot.schema);
    const auto& said = schema.at(nlohmann::json::json_pointer(spot.schema));
    int taken = 0;
    int refused_by_both = 0;
    for (const std::string& seed : spot.seeds) CHECK_MESSAGE(loads(spot, seed), seed);
    for (int i = 0; i < 80; ++i) {
      const std::string text = mistakes.in(spot.seeds[mistakes.below(spot.seeds.size())]);
      const bool by_schema = schema_takes(said, text);
      if (loads(spot, text)) {
        ++taken;
        CHECK_MESSAGE(by_schema, "narrower than the loader: " << text);
      } else if (!by_schema) {
        ++refused_by_both;
      }
    }
    CHECK(taken > 8);
    CHECK(refused_by_both > 0);
  }
}

}  // namespace
}  // namespace enforcer::pages::test
