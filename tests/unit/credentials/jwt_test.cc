#include "credentials/jwt.h"

#include <doctest/doctest.h>

#include "rsa_keys.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

// RFC 7515 A.2: with CRLF in the payload.
constexpr std::string_view kRfcHeader = R"({"alg":"RS256"})";
constexpr std::string_view kRfcPayload =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
constexpr std::string_view kRfcToken =
    "eyJhbGciOiJSUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1"
    "dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jz"
    "DwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQG"
    "e77Rw";

std::string refusal_of_key(std::string_view pem) {
  const auto token = sign_rs256("{}", "{}", secret_of_text(pem));
  REQUIRE_FALSE(token.has_value());
  CHECK(token.error().code == Errc::kInvalid);
  return token.error().message;
}

}  // namespace

TEST_CASE("a_token_is_that_of_rfc_7515_a_2") {
  const Pkey key = rfc7515_key();
  for (const std::string& pem : {pem_of_key(key.get()), traditional_pem_of_key(key.get())}) {
    CAPTURE(pem.substr(0, 30));
    const auto token = sign_rs256(kRfcHeader, kRfcPayload, secret_of_text(pem));
    REQUIRE(token.has_value());
    CHECK(std::string_view(*token) == kRfcToken);
  }
}

TEST_CASE("another_payload_has_another_signature") {
  const Pkey key = rfc7515_key();
  const auto token = sign_rs256(kRfcHeader, "{}", secret_of_text(pem_of_key(key.get())));
  REQUIRE(token.has_value());
  CHECK(proven_claims(*token, key.get()) == "{}");
  CHECK(token->substr(token->rfind('.')) != kRfcToken.substr(kRfcToken.rfind('.')));
}

TEST_CASE("a_key_that_cannot_sign_is_refused_without_a_byte_of_it") {
  const std::string good = pem_of_key(rfc7515_key().get());
  CHECK(sign_rs256("{}", "{}", secret_of_text(good)).has_value());
  CHECK(refusal_of_key("S3CR3T").starts_with("not a private key in PEM"));
  CHECK(refusal_of_key(good.substr(0, good.size() / 2)).starts_with("the PEM is cut off"));
  CHECK(refusal_of_key(pem_of_key(rfc7515_key().get(), "password")).starts_with("the private key is encrypted"));
  const Pkey curve(EVP_EC_gen("P-256"), EVP_PKEY_free);
  CHECK(refusal_of_key(pem_of_key(curve.get())).starts_with("the private key is not of RSA"));
  CHECK(refusal_of_key(pem_of_key(rsa_key_of_bits(2047).get())) ==
        "the private key of RSA has less than 2048 bits (RFC 7518 3.3)");
}
