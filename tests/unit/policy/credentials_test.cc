// Credentials as objects: what is read, who may say what, and what is checked between them and policies. The refusals
// are in broken/.
#include <doctest/doctest.h>

#include <algorithm>

#include "fixture.h"
#include "policy/credential_spec.h"

namespace enforcer::policy::test {
namespace {

const std::string kHead = "apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {name: bot}\nspec: ";

std::string codes(const std::vector<SourceText>& sources, Completeness completeness = Completeness::kWhole) {
  std::string all;
  for (const Diagnostic& diagnostic : load(sources, 1, completeness).diagnostics) all += diagnostic.code + " ";
  return all;
}

TEST_CASE("every_field_of_a_credential_is_read") {
  const auto snapshot = must_load(
      {kHead +
           "{source: {exec: [/bin/token, --ttl, 1h]}, inject: [{to: [b.test, '*.c.test:8443'], as: basic, username: "
           "u}, {to: ['a.test:*'], as: header, name: X-Key, format: 'key {}'}, {to: [d.test], as: query, name: k}]}\n",
       credential("aaa", "x.test")});
  REQUIRE(snapshot->credentials().size() == 2);
  CHECK(snapshot->credentials()[0].name == "aaa");  // sorted
  const CredentialSpec& bot = snapshot->credentials()[1];
  CHECK((bot.name == "bot" && bot.file == "file0.yaml" && bot.place.line == 1));
  CHECK(bot.source.kind == CredentialSpec::Source::Kind::kExec);
  CHECK(bot.source.argv == std::vector<std::string>{"/bin/token", "--ttl", "1h"});
  REQUIRE(bot.inject.size() == 3);
  CHECK((bot.inject[0].as == CredentialSpec::Injection::As::kBasic && bot.inject[0].username == "u"));
  CHECK((bot.inject[1].as == CredentialSpec::Injection::As::kHeader && bot.inject[1].name == "X-Key" &&
         bot.inject[1].format == "key {}"));
  CHECK((bot.inject[2].as == CredentialSpec::Injection::As::kQuery && bot.inject[2].name == "k" &&
         bot.inject[2].format == "{}"));
}

TEST_CASE("the_other_sources_are_read") {
  const auto source = [](const std::string& text) {
    return must_load({kHead + "{source: {" + text + "}, inject: [{to: [a.test], as: bearer}]}\n"})
        ->credentials()
        .front()
        .source;
  };
  CHECK(source("file: /run/secrets/x").path == "/run/secrets/x");
  CHECK(source("env: BOT_TOKEN").variable == "BOT_TOKEN");
  CHECK(source("store: true").kind == CredentialSpec::Source::Kind::kStored);
}

TEST_CASE("invariant_6_a_secret_is_bound_to_hosts_and_ports") {
  const auto snapshot =
      must_load({kHead + "{source: {store: true}, inject: [{to: [a.test, '*.c.test:8443'], as: bearer}, {to: "
                         "['**.c.test:*'], as: query, name: k}]}\n"});
  const CredentialSpec& bot = snapshot->credentials().front();
  const auto binding = [&](const char* host, unsigned port) {
    const auto* found = bot.binding_for(*HostName::parse(host), Port{static_cast<std::uint16_t>(port)});
    return found == nullptr ? -1 : static_cast<int>(found - bot.inject.data());
  };
  CHECK(binding("a.test", 443) == 0);
  CHECK(binding("a.test", 8443) == -1);
  CHECK(binding("x.a.test", 443) == -1);
  CHECK(binding("x.c.test", 8443) == 0);  // the first that covers it
  CHECK(binding("x.c.test", 443) == 1);
  CHECK(binding("c.test", 443) == -1);
}

TEST_CASE("only_configured_files_may_name_programs_to_run") {
  const std::string text = kHead + "{source: {exec: [/bin/token]}, inject: [{to: [a.test], as: bearer}]}\n";
  CHECK(codes({{"c.yaml", text}}) == "");
  CHECK(codes({{"c.yaml", text, SourceOrigin::kApplied}}) == "E0218 ");
  CHECK(
      load(std::vector<SourceText>{{"c.yaml", text, SourceOrigin::kApplied}}, 1).diagnostics.front().to_string() ==
      "c.yaml:4:23: error[E0218]: exec sources are read from configured files only; put the Credential into a file of "
      "the configuration's 'credentials'");
  CHECK(codes({{"c.yaml", credential("bot", "a.test"), SourceOrigin::kApplied}}) == "");
}

TEST_CASE("a_part_of_the_sources_may_name_credentials_that_stand_elsewhere") {
  const std::string text = policy_with(
      "allow: [{name: a, to: [a.test], http: [{methods: [GET]}], credential: bot}], tests: [{request: 'GET "
      "https://a.test/', expect: allow}]");
  CHECK(codes({{"p.yaml", text}}) == "E0213 ");
  CHECK(codes({{"p.yaml", text}}, Completeness::kPart) == "");
  CHECK(codes({{"p.yaml", text}, {"c.yaml", credential("bot", "a.test")}}) == "");
  CHECK(codes({{"p.yaml", text}, {"c.yaml", credential("bot", "b.test")}}, Completeness::kPart) == "E0214 ");
}

TEST_CASE("rules_that_may_meet_a_credential_are_no_error") {
  const auto with = [](const std::string& to, const std::string& bound) {
    return codes(
        {{"p.yaml", policy_with("allow: [{name: a, to: [" + to + "], http: [{methods: [GET]}], credential: bot}]")},
         {"c.yaml", credential("bot", bound)}});
  };
  CHECK(with("b.test", "a.test") == "E0214 ");  // the control
  CHECK(with("x.a.test", "'*.a.test'") == "");
  CHECK(with("'x-*.a.test'", "x-1.a.test") == "");
  CHECK(with("'a.test:*'", "'a.test:8443'") == "");
  CHECK(with("a.test", "'a.test:*'") == "");
}

TEST_CASE("credentials_that_may_be_apart_are_no_conflict") {
  const auto with = [](const std::string& one, const std::string& two) {
    return codes(
        {{"p.yaml", policy_with("allow: [{name: a, to: [a.test], " + one + "}, {name: b, to: [a.test], " + two + "}]")},
         {"c.yaml", credential("bot", "a.test") + "---\n" + credential("other", "a.test")}});
  };
  CHECK(with("credential: bot", "credential: other") == "W0308 E0216 W0308 ");  // the control
  CHECK(with("credential: bot", "credential: bot") == "W0308 W0308 ");
  CHECK(with("credential: bot", "credential: other, http: [{methods: [GET]}]") == "W0308 ");
}

}  // namespace
}  // namespace enforcer::policy::test
