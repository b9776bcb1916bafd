// Placeholders, and which of them a guest gets. The expected values are from a computation of their own (hashlib and
// base64 of Python), field by field as placeholder.h says.
#include "credentials/placeholder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "policy/compile.h"

using namespace enforcer;
using namespace enforcer::credentials;
using policy::CredentialSpec;
using Form = CredentialSpec::Placeholder::Form;

namespace {

constexpr GuestBoot kBoot{.instance = "default", .guest = "agent-1", .epoch = Epoch{0xabcd}};

const CredentialSpec::Placeholder kGithub{.variable = "GH_TOKEN", .form = Form::kToken, .format = "ghp_{}"};
const CredentialSpec::Placeholder kKeyId{.variable = "AWS_ACCESS_KEY_ID", .form = Form::kId};
const CredentialSpec::Placeholder kKeySecret{.variable = "AWS_SECRET_ACCESS_KEY", .form = Form::kSecret};

bool consists_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

CredentialSpec spec_with(std::string name, std::vector<CredentialSpec::Placeholder> placeholders) {
  CredentialSpec spec;
  spec.name = std::move(name);
  spec.placeholders = std::move(placeholders);
  return spec;
}

policy::Rule rule_naming(std::string name, policy::RuleList list, std::string credential) {
  policy::Rule rule;
  rule.info = {.policy = "p", .rule = std::move(name)};
  rule.list = list;
  rule.credential = std::move(credential);
  return rule;
}

policy::GuestPolicy guest_policy(policy::Credentials credentials, std::vector<policy::Rule> rules) {
  auto document = std::make_shared<policy::PolicyDocument>();
  document->name = "p";
  document->rules = std::move(rules);
  return policy::GuestPolicy(
      policy::compile({document}, std::make_shared<const policy::Credentials>(std::move(credentials)), 1));
}

std::string joined_names(const policy::GuestPolicy& policy) {
  std::string names;
  for (const CredentialSpec* spec : policy.credentials()) names += spec->name + " ";
  return names;
}

}  // namespace

TEST_CASE("a_placeholder_has_the_form_that_tools_expect") {
  const std::string token = placeholder_value(kBoot, "bot", kGithub);
  CHECK(token.starts_with("ghp_enforcer-"));
  CHECK(token.size() == 13 + 32);
  CHECK(consists_of(token.substr(13), "abcdefghijklmnopqrstuvwxyz234567"));
  const std::string id = placeholder_value(kBoot, "bot", kKeyId);
  CHECK(id.starts_with("ENFORCER"));
  CHECK(id.size() == 20);
  CHECK(consists_of(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
  // What AWS issues begins with A: AKIA, ASIA, AIDA, AROA, ...
  CHECK_FALSE(id.starts_with('A'));
}

TEST_CASE("a_placeholder_is_the_hash_of_its_fields") {
  CHECK(placeholder_value(kBoot, "bot", kGithub) == "ghp_enforcer-nk3r7rd4ra4iav2ludde22g4gl2km5dz");
  CHECK(placeholder_value(kBoot, "bot", kKeyId) == "ENFORCERSTM3X557NIYE");
  CHECK(placeholder_value(kBoot, "bot", kKeySecret) == "qxcKNcyNTsgts6WdXhS69RszLEYnJa8on58mGJ4G");
  // In base64 this one is OHJJ/c5xnNZEuzwENqvtx2GIYlDknkuxGz9+F+Bk.
  const GuestBoot other{.instance = "default", .guest = "agent-1", .epoch = Epoch{7}};
  CHECK(placeholder_value(other, "bot", kKeySecret) == "OHJJsc5xnNZEuzwENqvtx2GIYlDknkuxGz9pFpBk");
}

TEST_CASE("a_secret_placeholder_has_40_letters_and_digits_whatever_the_hash_is") {
  for (std::uint64_t epoch = 0; epoch < 500; ++epoch) {
    const GuestBoot boot{.instance = "default", .guest = "agent-1", .epoch = Epoch{epoch}};
    const std::string value = placeholder_value(boot, "bot", kKeySecret);
    CHECK(value.size() == 40);
    CHECK(std::ranges::all_of(value, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }));
  }
}

TEST_CASE("each_field_makes_another_placeholder_and_the_same_fields_the_same") {
  std::set<std::string> values;
  const auto add = [&](std::string_view instance, std::string_view guest, std::uint64_t epoch,
                       std::string_view credential, std::string_view variable) {
    const CredentialSpec::Placeholder token{.variable = std::string(variable)};
    const GuestBoot boot{.instance = instance, .guest = guest, .epoch = Epoch{epoch}};
    return values.insert(placeholder_value(boot, credential, token)).second;
  };
  CHECK(add("default", "a", 1, "bot", "TOKEN"));
  CHECK_FALSE(add("default", "a", 1, "bot", "TOKEN"));
  CHECK(add("other", "a", 1, "bot", "TOKEN"));
  CHECK(add("default", "b", 1, "bot", "TOKEN"));
  CHECK(add("default", "a", 2, "bot", "TOKEN"));
  CHECK(add("default", "a", 1, "bat", "TOKEN"));
  CHECK(add("default", "a", 1, "bot", "KEY"));
  // What stands at the border of two fields belongs to one of them.
  CHECK(add("defaulta", "", 1, "bot", "TOKEN"));
  CHECK(add("default", "a", 1, "botT", "OKEN"));
  CHECK(add("default", "a", 1, "bo", "tTOKEN"));
}

TEST_CASE("the_first_braces_of_a_format_are_the_placeholders_place") {
  const auto formatted = [](std::string format) {
    return placeholder_value(kBoot, "bot", {.variable = "T", .format = std::move(format)});
  };
  const std::string plain = formatted("{}");
  CHECK(plain.starts_with("enforcer-"));
  CHECK(formatted("a{}b{}") == "a" + plain + "b{}");
  CHECK(formatted("{{}}") == "{" + plain + "}");
}

TEST_CASE("a_guest_has_the_placeholders_of_what_its_allow_and_review_rules_may_add") {
  using policy::RuleList;
  const policy::Credentials credentials{spec_with("allowed", {kGithub}), spec_with("denied", {{.variable = "DENIED"}}),
                                        spec_with("reviewed", {kKeyId, kKeySecret}),
                                        spec_with("unnamed", {{.variable = "UNNAMED"}})};
  const policy::GuestPolicy policy = guest_policy(
      credentials, {rule_naming("a", RuleList::kReview, "reviewed"), rule_naming("b", RuleList::kAllow, "allowed"),
                    rule_naming("c", RuleList::kAllow, "allowed"),  // twice
                    rule_naming("d", RuleList::kDeny, "denied"), rule_naming("e", RuleList::kAllow, "")});
  CHECK(joined_names(policy) == "allowed reviewed ");
  const auto values = placeholders_for(kBoot, policy);
  REQUIRE(values.size() == 3);
  CHECK(values[0] == PlaceholderValue{"allowed", "GH_TOKEN", placeholder_value(kBoot, "allowed", kGithub)});
  CHECK(values[1] == PlaceholderValue{"reviewed", "AWS_ACCESS_KEY_ID", placeholder_value(kBoot, "reviewed", kKeyId)});
  CHECK(values[2].variable == "AWS_SECRET_ACCESS_KEY");
}

TEST_CASE("of_two_credentials_that_want_a_variable_the_first_by_name_has_it") {
  const policy::Credentials credentials{spec_with("aa", {{.variable = "TOKEN"}}),
                                        spec_with("bb", {{.variable = "TOKEN"}, {.variable = "OTHER"}})};
  const policy::GuestPolicy policy = guest_policy(credentials, {rule_naming("a", policy::RuleList::kAllow, "bb"),
                                                                rule_naming("b", policy::RuleList::kAllow, "aa")});
  const auto values = placeholders_for(kBoot, policy);
  REQUIRE(values.size() == 2);
  CHECK((values[0].credential == "aa" && values[0].variable == "TOKEN"));
  CHECK((values[1].credential == "bb" && values[1].variable == "OTHER"));
}

TEST_CASE("a_guest_whose_rules_add_nothing_has_no_placeholder") {
  const policy::GuestPolicy policy =
      guest_policy({spec_with("bot", {kGithub})}, {rule_naming("a", policy::RuleList::kAllow, "")});
  CHECK(policy.credentials().empty());
  CHECK(placeholders_for(kBoot, policy).empty());
}
