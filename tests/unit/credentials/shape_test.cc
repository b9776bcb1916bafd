// Shapes: what the text of a source has to be to become a value, in all forms that are taken, and in which words the
// others are refused.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "credentials/aws_keys.h"
#include "credentials/command_output.h"

using namespace enforcer;
using namespace enforcer::credentials;

namespace {

const WallClock::time_point kShapeNow = std::chrono::sys_days(std::chrono::year(2026) / 6 / 1);

// The examples of AWS's documentation, of which no key is real.
constexpr std::string_view kId = "ASIAIOSFODNN7EXAMPLE";
constexpr std::string_view kSecretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::string_view kSessionToken =
    "AQoDYXdzEJr//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMic==";

std::string value_text(const Result<Value>& value) {
  return value ? std::string(value->secret->reveal()) : "error: " + value.error().message;
}
std::string key_pair(std::string_view text) {
  return value_text(value_of(text, Shape::kKeyPair, kShapeNow));
}
std::string private_key(std::string_view text) {
  return value_text(value_of(text, Shape::kPrivateKey, kShapeNow));
}

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

/// PEM of PKCS #8, or of the traditional form of the key's kind; encrypted when there is a passphrase.
std::string pem_of(EVP_PKEY* key, bool traditional = false, const char* passphrase = nullptr) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  const EVP_CIPHER* const cipher = passphrase == nullptr ? nullptr : EVP_aes_128_cbc();
  const int length = passphrase == nullptr ? 0 : static_cast<int>(std::string_view(passphrase).size());
  const auto* const pass = reinterpret_cast<const unsigned char*>(passphrase);
  const int written = traditional
                          ? PEM_write_bio_PrivateKey_traditional(out.get(), key, cipher, pass, length, nullptr, nullptr)
                          : PEM_write_bio_PrivateKey(out.get(), key, cipher, pass, length, nullptr, nullptr);
  REQUIRE(written == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}
std::string public_pem_of(EVP_PKEY* key) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  REQUIRE(PEM_write_bio_PUBKEY(out.get(), key) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}
KeyPtr rsa(unsigned bits) {
  return {EVP_RSA_gen(bits), EVP_PKEY_free};
}

std::string without_last_newline(std::string text) {
  REQUIRE(text.ends_with('\n'));
  text.pop_back();
  return text;
}

}  // namespace

TEST_CASE("keys_of_aws_are_taken_in_every_form_that_tools_give") {
  const std::string two = fmt::format("{}\n{}", kId, kSecretKey);
  const std::string three = fmt::format("{}\n{}", two, kSessionToken);
  const auto fields = fmt::format(R"("AccessKeyId": "{}", "SecretAccessKey": "{}")", kId, kSecretKey);
  const auto session = fmt::format(R"({}, "SessionToken": "{}")", fields, kSessionToken);
  CHECK(key_pair(fmt::format(R"({{"Version": 1, {}}})", fields)) == two);
  CHECK(key_pair(fmt::format(R"({{"Version": 1, {}, "SessionToken": null, "Expiration": null}})", fields)) == two);
  CHECK(key_pair(fmt::format("\n {{\"Version\": 1, {}}}\n", session)) == three);
  CHECK(key_pair(fmt::format(R"({{"Credentials": {{{}}}, "AssumedRoleUser": {{"Arn": "x"}}}})", session)) == three);
  const auto lines = fmt::format("aws_access_key_id = {}\naws_secret_access_key={}\n", kId, kSecretKey);
  CHECK(key_pair(lines) == two);
  CHECK(key_pair("[default]\n" + lines) == two);
  CHECK(key_pair(fmt::format("# a comment\r\n\r\n[x]\r\n; another\r\naws_session_token\t=\t{}\r\n{}", kSessionToken,
                             lines)) == three);
  CHECK(key_pair("[default]\nregion = us-east-1\n" + lines) == two);
  CHECK(key_pair(two + "\n") == two);
  CHECK(key_pair(three) == three);
  CHECK(key_pair(key_pair(three)) == three);
}

TEST_CASE("keys_are_views_of_their_value") {
  const Secret long_lived = *secret_of({.access_key_id = kId, .secret_access_key = kSecretKey, .session_token = {}});
  const AwsKeys two = keys_in(long_lived);
  CHECK(two.access_key_id == kId);
  CHECK(two.secret_access_key == kSecretKey);
  CHECK(two.session_token.empty());
  CHECK(two.access_key_id.data() == long_lived.reveal().data());
  const Secret session =
      *secret_of({.access_key_id = kId, .secret_access_key = kSecretKey, .session_token = kSessionToken});
  CHECK(keys_in(session).secret_access_key == kSecretKey);
  CHECK(keys_in(session).session_token == kSessionToken);
  const std::string big(Secret::kMaxSize, 'x');
  CHECK_FALSE(secret_of({.access_key_id = kId, .secret_access_key = kSecretKey, .session_token = big}).has_value());
}

TEST_CASE("keys_carry_their_expiry") {
  const auto keys = [](std::string_view expiration) {
    return value_of(fmt::format(R"({{"Version":1,"AccessKeyId":"{}","SecretAccessKey":"{}","Expiration":{}}})", kId,
                                kSecretKey, expiration),
                    Shape::kKeyPair, kShapeNow);
  };
  CHECK(keys(R"("2026-06-01T00:00:01Z")")->expires == kShapeNow + std::chrono::seconds(1));
  CHECK(keys(R"("2026-06-01T01:00:01+01:00")")->expires == kShapeNow + std::chrono::seconds(1));
  CHECK(keys(R"("2026-06-01T00:00:00Z")").error().message == "the keys have already expired");
  CHECK(keys(R"("soon")").error().message == "\"Expiration\": not a time of RFC 3339 (2026-12-31T00:00:00Z)");
  CHECK(keys("12").error().message == "\"Expiration\" of the keys is not a text");
  CHECK_FALSE(keys("null")->expires.has_value());
}

TEST_CASE("what_are_no_keys_is_refused_without_a_byte_of_it") {
  const auto refused = [](std::string_view text) {
    CAPTURE(text);
    const std::string said = key_pair(text);
    REQUIRE(said.starts_with("error: "));
    CHECK_FALSE(said.contains("S3CR3T"));
    return said.substr(7);
  };
  CHECK(refused("") == "the value is empty");
  CHECK(refused(" \n ") == "the value is empty");
  CHECK(refused("S3CR3T") == "the secret access key is missing");
  CHECK(refused("S3CR3T\n\n") == "the secret access key is missing");
  CHECK(refused("S3CR3T\nb\nc\nd").starts_with("bare keys have three lines at most"));
  CHECK(refused("S3 CR3T\nb") == "the access key id has a character that keys of AWS do not have");
  CHECK(refused("S3CR3T/x\nb") == "the access key id has a character that keys of AWS do not have");
  CHECK(refused(std::string(129, 'a') + "\nS3CR3T") == "the access key id has more than 128 characters");
  CHECK(refused("a\nS3CR3T\x01") == "the secret access key has a character that keys of AWS do not have");
  CHECK(refused("a\nb\nS3CR3T, x") == "the session token has a character that keys of AWS do not have");
  CHECK(refused(std::string_view("a\nS3CR3T\0x", 10)) ==
        "the secret access key has a character that keys of AWS do not have");
  CHECK(refused("[a]\naws_access_key_id = S3CR3T") == "the secret access key is missing");
  CHECK(refused("aws_secret_access_key = S3CR3T") == "the access key id is missing");
  CHECK(refused("[a]\naws_access_key_id=S3CR3T\n[b]\n") ==
        "line 3 begins a second section: keep the one that is meant");
  CHECK(refused("[a]\n\nS3CR3T\n") == "line 3 is no section, comment or NAME = VALUE");
  CHECK(refused("aws_secret_access_key=S3CR3T\naws_secret_access_key=x") == "line 2: a second aws_secret_access_key");
  CHECK(refused("aws_access_key_id=a\naws_secret_access_key = \"S3CR3T\"") ==
        "the secret access key has a character that keys of AWS do not have");
  CHECK(refused(R"({"Version": 1, "AccessKeyId": "S3CR3T")") == "the keys begin with '{' and are not valid JSON");
  CHECK(refused(R"({"AccessKeyId": "a", "SecretAccessKey": "S3CR3T"})") ==
        "the JSON has neither \"Version\": 1 nor \"Credentials\"");
  CHECK(refused(R"({"Version": 2, "AccessKeyId": "a", "SecretAccessKey": "S3CR3T"})") ==
        "the JSON has neither \"Version\": 1 nor \"Credentials\"");
  CHECK(refused(R"({"Version": "1", "AccessKeyId": "a", "SecretAccessKey": "S3CR3T"})") ==
        "the JSON has neither \"Version\": 1 nor \"Credentials\"");
  CHECK(refused(R"({"Credentials": "S3CR3T"})") == "the access key id is missing");
  CHECK(refused(R"({"Version": 1, "AccessKeyId": 1, "SecretAccessKey": "S3CR3T"})") ==
        "\"AccessKeyId\" of the keys is not a text");
  CHECK(refused(R"({"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "S3CR3T\nx"})") ==
        "the secret access key has a character that keys of AWS do not have");
  CHECK(refused(std::string(64 * 1024 + 1, 'x')) == "the value has more than 65536 bytes");
}

TEST_CASE("private_keys_are_those_of_rsa_in_pem") {
  const auto key = rsa(2048);
  const std::string pem = pem_of(key.get());
  const std::string bare = without_last_newline(pem);
  CHECK(private_key(pem) == bare);
  CHECK(private_key("\n  " + pem + "\n\n") == bare);
  CHECK(private_key(pem_of(key.get(), true)) == without_last_newline(pem_of(key.get(), true)));
  CHECK(private_key(pem).starts_with("-----BEGIN PRIVATE KEY-----"));
  std::string crlf;
  for (const char c : pem) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(private_key(crlf).starts_with("-----BEGIN PRIVATE KEY-----\r\n"));
}

TEST_CASE("other_keys_are_refused_without_a_byte_of_them") {
  const auto key = rsa(2048);
  const std::string pem = pem_of(key.get());
  const auto refused = [&](std::string text) {
    const std::string said = private_key(text);
    CAPTURE(said);
    REQUIRE(said.starts_with("error: "));
    CHECK(said.size() < 120);
    CHECK_FALSE(said.contains(pem.substr(40, 20)));
    return said.substr(7);
  };
  REQUIRE(private_key(pem).starts_with("-----BEGIN"));
  CHECK(refused("") == "the value is empty");
  CHECK(refused("\n\n") == "the value is empty");
  CHECK(refused("hello").contains("does not begin with -----BEGIN"));
  CHECK(refused("Key: " + pem).contains("does not begin with -----BEGIN"));
  CHECK(refused(public_pem_of(key.get())) == "the PEM holds no private key");
  CHECK(refused(pem_of(key.get(), false, "pass")).starts_with("the private key is encrypted"));
  CHECK(refused(pem_of(key.get(), true, "pass")).starts_with("the private key is encrypted"));
  CHECK(refused("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
            .starts_with("the private key is in OpenSSH's own form"));
  CHECK(refused(pem + pem).starts_with("the PEM is cut off, or holds more than one"));
  CHECK(refused(pem.substr(0, pem.size() / 2)).starts_with("the PEM is cut off"));
  std::string broken = pem;
  broken.replace(100, 8, "%%%%%%%%");
  CHECK(refused(broken) == "the private key in the PEM is broken");
  broken = pem;
  broken.erase(100, 60);
  CHECK(refused(broken) == "the private key in the PEM is broken");
  CHECK(private_key(pem_of(rsa(2048).get())).starts_with("-----BEGIN PRIVATE KEY-----"));  // the control
  CHECK(refused(pem_of(rsa(2047).get())) == "the private key of RSA has less than 2048 bits (RFC 7518 3.3)");
  // With these RS256 cannot sign, however well they are written.
  const KeyPtr curve(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const KeyPtr edwards(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  for (const std::string& other : {pem_of(curve.get()), pem_of(curve.get(), true), pem_of(edwards.get())}) {
    CHECK(refused(other).starts_with("the private key is not of RSA"));
  }
}

TEST_CASE("a_shape_is_not_guessed_from_the_text") {
  const std::string json = R"({"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b"})";
  CHECK(value_text(value_of(json, Shape::kLine, kShapeNow)) == json);  // a line like any other
  CHECK(value_text(value_of("a\nb", Shape::kLine, kShapeNow)) == "error: the value has a line break inside");
  CHECK(key_pair("a\nb") == "a\nb");
}

TEST_CASE("commands_print_keys_tokens_and_values_with_expiry") {
  const auto read = [](std::string_view output, Shape shape) { return read_output(output, shape, kShapeNow); };
  const auto keys =
      R"({"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "2027-01-01T00:00:00Z"})";
  CHECK(value_text(read(keys, Shape::kKeyPair)) == "a\nb");
  CHECK(read(keys, Shape::kKeyPair)->expires == std::chrono::sys_days(std::chrono::year(2027) / 1 / 1));
  CHECK(value_text(read("aws_access_key_id=a\naws_secret_access_key=b\n", Shape::kKeyPair)) == "a\nb");
  CHECK(value_text(read(R"({"value": "a\nb"})", Shape::kKeyPair)) == "a\nb");
  CHECK(value_text(read(keys, Shape::kLine)) == "error: the output is JSON without a text \"value\"");

  const auto exec_credential = [](std::string_view version, std::string_view status) {
    return fmt::format(R"({{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/{}", "status": {}}})",
                       version, status);
  };
  const std::string token = R"({"token": "t", "expirationTimestamp": "2026-06-01T00:15:00Z"})";
  const auto value = read(exec_credential("v1", token), Shape::kLine);
  CHECK(value_text(value) == "t");
  CHECK(value->expires == kShapeNow + std::chrono::minutes(15));
  CHECK(value_text(read(exec_credential("v1beta1", token), Shape::kLine)) == "t");
  CHECK_FALSE(read(exec_credential("v1", R"({"token": "t"})"), Shape::kLine)->expires.has_value());
  const auto refused = [&](const std::string& output) {
    const std::string said = value_text(read(output, Shape::kLine));
    CAPTURE(output);
    REQUIRE(said.starts_with("error: "));
    CHECK_FALSE(said.contains("S3CR3T"));
    return said.substr(7);
  };
  CHECK(refused(exec_credential("v2", R"({"token": "S3CR3T"})")).contains("another version than"));
  CHECK(refused(exec_credential("v1", R"({"clientKeyData": "S3CR3T"})")).contains("without a text \"status.token\""));
  CHECK(refused(exec_credential("v1", R"("S3CR3T")")).contains("without a text \"status.token\""));
  CHECK(refused(R"({"kind": "ExecCredential", "status": {"token": "S3CR3T"}})").contains("another version than"));
  CHECK(refused(exec_credential("v1", R"({"token": "S3CR3T\r\nx: y"})")) == "the value has a line break inside");
  CHECK(refused(exec_credential("v1", R"({"token": "S3CR3T", "expirationTimestamp": "2026-05-31T23:59:59Z"})")) ==
        "the value in the output has already expired");
  CHECK(refused(exec_credential("v1", R"({"token": "S3CR3T", "expirationTimestamp": 1})")) ==
        "\"status.expirationTimestamp\" of the output is not a text");
}
