// What answers are searched for, by how the value went out.
#include "credentials/lease.h"

#include "base/percent.h"
#include "masking.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

using LeasedAs = policy::CredentialSpec::Injection::As;

/// What is left of the text in an answer to a request whose value went out like this.
std::string leased_and_masked(const policy::CredentialSpec::Injection& injection, std::string_view value,
                              std::string text, std::string_view signature = {}) {
  policy::CredentialSpec spec;
  spec.inject = {injection};
  const auto needles = needles_for(spec, Secret::copy_of(value).value(), signature);
  REQUIRE(needles.has_value());
  redact(*needles, text);
  return text;
}

}  // namespace

TEST_CASE("a_value_in_basic_is_found_when_it_is_encoded_once_more") {
  constexpr std::string_view kPassword = "S3CR3T-CANARY-0123456789abcdef";
  for (const std::string user : {"b", "bo", "bot", "x-access-token"}) {
    CAPTURE(user);
    const policy::CredentialSpec::Injection basic{.as = LeasedAs::kBasic, .username = user};
    const std::string sent = "Authorization: Basic " + in_base64(user + ":" + std::string(kPassword));
    for (const std::string& echo : {in_base64(sent), in_base64("x" + sent), in_base64("xy" + sent)}) {
      const std::string left = leased_and_masked(basic, kPassword, "before " + echo + " behind");
      CHECK(left.size() == echo.size() + 14);
      CHECK(left.starts_with("before " + echo.substr(0, 20)));
      CHECK(left.contains(stars(40)));
      CHECK_FALSE(left.contains(echo.substr(echo.size() - 20, 16)));
      // The control: to who does not know how it was sent, it is another text.
      CHECK(leased_and_masked({.as = LeasedAs::kBearer}, kPassword, echo) == echo);
    }
    CHECK(leased_and_masked(basic, kPassword, each_as("{:02x}", sent)).contains(stars(60)));
    // What the user alone determines is no secret: a placeholder has it, too.
    const std::string other = in_base64(user + ":placeholder-of-the-guest");
    CHECK(leased_and_masked(basic, kPassword, other) == other);
  }
}

TEST_CASE("a_value_of_github_is_found_as_git_sends_it_and_as_the_api_does") {
  constexpr std::string_view kToken = "ghs_0123456789abcdefghijABCDEFGHIJ012345";
  const policy::CredentialSpec::Injection github{.as = LeasedAs::kGithub};
  const std::string sent = in_base64("x-access-token:" + std::string(kToken));
  CHECK(leased_and_masked(github, kToken, in_base64(sent)).contains(stars(40)));
  CHECK(leased_and_masked(github, kToken, "Bearer " + std::string(kToken)) == "Bearer " + stars(kToken.size()));
}

TEST_CASE("a_value_in_the_query_is_found_when_it_is_encoded_once_more") {
  constexpr std::string_view kKey = "k/e+y=of%the&lab?0123456789";
  const policy::CredentialSpec::Injection query{.as = LeasedAs::kQuery, .name = "key"};
  const std::string sent = "/?key=" + percent_encode(kKey);
  const std::string left = leased_and_masked(query, kKey, in_base64(sent));
  CHECK(left.contains(stars(30)));
  CHECK(left.starts_with(in_base64(sent).substr(0, 8)));
  CHECK(leased_and_masked({.as = LeasedAs::kBearer}, kKey, in_base64(sent)) == in_base64(sent));  // the control
  CHECK(leased_and_masked(query, "plain", "plain key") == "***** key");
}

TEST_CASE("short_values_add_no_form_that_would_be_found_everywhere") {
  const policy::CredentialSpec::Injection basic{.as = LeasedAs::kBasic, .username = "bot"};
  CHECK(leased_and_masked(basic, "abc", "YWJj is base64 of abc") == "YWJj is base64 of ***");
}

TEST_CASE("a_signature_is_searched_for_where_it_is_good_for_itself") {
  const std::string signature = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
  const policy::CredentialSpec::Injection sigv4{.as = LeasedAs::kSigV4};
  const std::string location = "https://b.test/k?X-Amz-Expires=60&X-Amz-Signature=" + signature;
  constexpr std::string_view kKeys = "AKIAEXAMPLE\nS3CR3T-KEY-0123456789\nS3SSION-T0KEN-0123";
  CHECK(leased_and_masked(sigv4, kKeys, location, signature) ==
        "https://b.test/k?X-Amz-Expires=60&X-Amz-Signature=" + stars(64));
  CHECK(leased_and_masked(sigv4, kKeys, location) == location);
  for (const std::string_view given : {std::string_view(), std::string_view(signature)}) {
    CHECK(leased_and_masked(sigv4, kKeys, "AKIAEXAMPLE S3CR3T-KEY-0123456789 S3SSION-T0KEN-0123", given) ==
          "AKIAEXAMPLE " + stars(21) + " " + stars(18));
  }
}
