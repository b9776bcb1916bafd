// What is read of a guest's signature, and what is refused: in each case beside one that is not.
#include "credentials/sigv4_request.h"

#include <doctest/doctest.h>

#include "sigv4_fixture.h"

using namespace enforcer;
using namespace enforcer::credentials;
using testing::guest_authorization;
using testing::head_from;

namespace {

using Fault = SignatureFault;
using Payload = GuestSignature::Payload;

const std::string kDigits(64, 'a');
const std::string kFieldForm = guest_authorization("us-east-1/s3", "host;x-amz-date");
const std::string kCredential = "X-Amz-Credential=AKIA%2F20260102%2Fus-east-1%2Fs3%2Faws4_request";
const std::string kUrlForm =
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&" + kCredential +
    "&X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=" + kDigits;

std::expected<GuestSignature, Fault> read(std::string_view fields, std::string_view query = "",
                                          std::string_view method = "PUT") {
  return read_signature(
      head_from(std::string(method) + " /k?" + std::string(query) + " HTTP/1.1\nHost: b.test\n" + std::string(fields)));
}

bool is_fault(const std::expected<GuestSignature, Fault>& outcome, Fault fault) {
  return !outcome && outcome.error() == fault;
}

std::string authorization(std::string_view rest) {
  return "Authorization: AWS4-HMAC-SHA256 " + std::string(rest) + "\n";
}

std::string without(std::string text, std::string_view piece) {
  REQUIRE(text.contains(piece));
  return text.erase(text.find(piece), piece.size());
}

std::string with(std::string text, std::string_view piece, std::string_view instead) {
  REQUIRE(text.contains(piece));
  return text.replace(text.find(piece), piece.size(), instead);
}

}  // namespace

TEST_CASE("both_forms_are_read") {
  const auto field = read("x-amz-content-sha256: " + kDigits + "\n" + kFieldForm);
  REQUIRE(field.has_value());
  CHECK(field->form == GuestSignature::Form::kHeader);
  CHECK(field->date == "20200101");
  CHECK(field->region == "us-east-1");
  CHECK(field->service == "s3");
  CHECK(field->signed_headers == std::vector<std::string>{"host", "x-amz-date"});
  CHECK(field->payload == Payload::kHash);
  CHECK(field->payload_text == kDigits);
  CHECK(field->timestamp.empty());

  const auto url = read("", "a=1&" + kUrlForm + "&X-Amz-Security-Token=own&b");
  REQUIRE(url.has_value());
  CHECK(url->form == GuestSignature::Form::kQuery);
  CHECK(url->timestamp == "20260102T030405Z");
  CHECK(url->expires == "60");
  CHECK(url->service == "s3");
  CHECK(url->signed_headers == std::vector<std::string>{"host"});
  CHECK(url->payload == Payload::kAbsent);
}

TEST_CASE("the_kind_of_the_body_is_read") {
  const auto kind = [](std::string_view text) {
    const auto outcome = read("x-amz-content-sha256: " + std::string(text) + "\n" + kFieldForm);
    return outcome ? std::optional(outcome->payload) : std::nullopt;
  };
  CHECK(kind("UNSIGNED-PAYLOAD") == Payload::kUnsigned);
  CHECK(kind("STREAMING-AWS4-HMAC-SHA256-PAYLOAD") == Payload::kChunks);
  CHECK(kind("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") == Payload::kChunksTrailer);
  CHECK(kind("STREAMING-UNSIGNED-PAYLOAD-TRAILER") == Payload::kUnsignedTrailer);
  for (const std::string_view other : {"STREAMING-AWS4-HMAC-SHA256-EVENTS", "unsigned-payload", "required", "abc"}) {
    CAPTURE(other);
    CHECK(is_fault(read("x-amz-content-sha256: " + std::string(other) + "\n" + kFieldForm), Fault::kUnknownPayload));
  }
  CHECK(read("", kUrlForm + "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD")->payload == Payload::kUnsigned);
  CHECK(is_fault(read("x-amz-content-sha256: UNSIGNED-PAYLOAD\n", kUrlForm + "&X-Amz-Content-Sha256=" + kDigits),
                 Fault::kSaidTwice));
  CHECK(is_fault(read("x-amz-content-sha256: UNSIGNED-PAYLOAD\nx-amz-content-sha256: " + kDigits + "\n" + kFieldForm),
                 Fault::kSaidTwice));
}

TEST_CASE("the_body_is_wanted_only_when_its_hash_is_not_said") {
  CHECK(read(kFieldForm)->needs_body());
  CHECK_FALSE(read("x-amz-content-sha256: UNSIGNED-PAYLOAD\n" + kFieldForm)->needs_body());
  CHECK_FALSE(read("", kUrlForm)->needs_body());
  CHECK(read("", with(kUrlForm, "%2Fs3%2F", "%2Fsts%2F"))->needs_body());
}

TEST_CASE("what_has_no_signature_of_version_4_is_unsigned") {
  CHECK(is_fault(read(""), Fault::kUnsigned));
  CHECK(is_fault(read("Authorization: Bearer own\n"), Fault::kUnsigned));
  CHECK(is_fault(read("Authorization: AWS AKIAOWN:c2ln\n"), Fault::kUnsigned));
  CHECK(is_fault(read("", "AWSAccessKeyId=AKIAOWN&Expires=1&Signature=x"), Fault::kUnsigned));
}

TEST_CASE("sigv4a_is_refused_wherever_it_shows") {
  const std::string scope = " Credential=AKIA/20260102/s3/aws4_request, SignedHeaders=host, Signature=30\n";
  CHECK(is_fault(read("Authorization: AWS4-ECDSA-P256-SHA256" + scope), Fault::kAsymmetric));
  CHECK(is_fault(read("X-Amz-Region-Set: *\n" + kFieldForm), Fault::kAsymmetric));
  CHECK(is_fault(read("", with(kUrlForm, "HMAC-SHA256", "ECDSA-P256-SHA256")), Fault::kAsymmetric));
  CHECK(is_fault(read("", kUrlForm + "&X-Amz-Region-Set=us-east-1"), Fault::kAsymmetric));
  for (const std::string_view kind :
       {"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"}) {
    CHECK(is_fault(read("x-amz-content-sha256: " + std::string(kind) + "\n" + kFieldForm), Fault::kAsymmetric));
  }
}

TEST_CASE("a_signature_that_is_said_twice_is_refused") {
  REQUIRE(read(kFieldForm).has_value());
  REQUIRE(read("", kUrlForm).has_value());
  CHECK(is_fault(read(kFieldForm, kUrlForm), Fault::kSaidTwice));
  CHECK(is_fault(read(kFieldForm + kFieldForm), Fault::kSaidTwice));
  CHECK(is_fault(read("Authorization: Bearer own\n" + kFieldForm), Fault::kSaidTwice));
  CHECK(is_fault(read("Authorization: Bearer own\n", kUrlForm), Fault::kSaidTwice));
  CHECK(is_fault(read(kFieldForm, "X-Amz-Security-Token=own"), Fault::kSaidTwice));
  CHECK(is_fault(read(kFieldForm, "a;X-Amz-Signature=1"), Fault::kSaidTwice));
  CHECK(is_fault(read(kFieldForm, "AWSAccessKeyId=AKIAOWN&Signature=x"), Fault::kSaidTwice));
  for (const std::string_view again : {"X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Date=20260102T030405Z",
                                       "X-Amz-Expires=60", "X-Amz-SignedHeaders=host", "X-Amz-%53ignature=1"}) {
    CAPTURE(again);
    CHECK(is_fault(read("", kUrlForm + "&" + std::string(again)), Fault::kSaidTwice));
  }
  CHECK(is_fault(read("", kUrlForm + "&" + kCredential), Fault::kSaidTwice));
}

TEST_CASE("a_malformed_authorization_is_refused") {
  const std::string credential = "Credential=AKIA/20260102/us-east-1/s3/aws4_request";
  const std::string headers = "SignedHeaders=host";
  const std::string signature = "Signature=" + kDigits;
  CHECK(read(authorization(credential + ", " + headers + ", " + signature)).has_value());
  CHECK(read(authorization(credential + "," + signature + "," + headers)).has_value());
  for (const std::string& text : {
           std::string(),
           credential,
           credential + ", " + headers,
           headers + ", " + signature,
           credential + ", " + headers + ", " + signature + ", " + signature,
           credential + ", " + headers + ", " + signature + ", Extra=1",
           credential + " " + headers + " " + signature,
           credential + ", " + headers + ", Signature=" + kDigits.substr(1),
           credential + ", " + headers + ", Signature=" + kDigits + "a",
           credential + ", SignedHeaders=x-amz-date, " + signature,
           credential + ", SignedHeaders=Host, " + signature,
           credential + ", SignedHeaders=host;, " + signature,
           credential + ", SignedHeaders=host;;a, " + signature,
           "Credential=AKIA/20260102/us-east-1/s3, " + headers + ", " + signature,
           "Credential=A/B/20260102/us-east-1/s3/aws4_request, " + headers + ", " + signature,
           "Credential=AKIA/2026010/us-east-1/s3/aws4_request, " + headers + ", " + signature,
           "Credential=AKIA/20260102/us east/s3/aws4_request, " + headers + ", " + signature,
           "Credential=AKIA/20260102//s3/aws4_request, " + headers + ", " + signature,
           "Credential=AKIA/20260102/us-east-1/S3/aws4_request, " + headers + ", " + signature,
           "Credential=AKIA/20260102/us-east-1/s3/aws5_request, " + headers + ", " + signature,
           "credential=AKIA/20260102/us-east-1/s3/aws4_request, " + headers + ", " + signature,
       }) {
    CAPTURE(text);
    CHECK(is_fault(read(authorization(text)), Fault::kMalformed));
  }
  CHECK(is_fault(read("Authorization: aws4-hmac-sha256 " + credential + ", " + headers + ", " + signature + "\n"),
                 Fault::kMalformed));
}

TEST_CASE("a_signature_that_was_masked_on_its_way_is_made_again") {
  CHECK(read("", with(kUrlForm, kDigits, std::string(64, '*'))).has_value());
  CHECK(is_fault(read("", with(kUrlForm, kDigits, std::string(63, '*'))), Fault::kMalformed));
  CHECK(is_fault(read("", with(kUrlForm, kDigits, std::string(63, '*') + "-")), Fault::kMalformed));
  CHECK(is_fault(read("", with(kUrlForm, kDigits, std::string(63, 'a') + "*")), Fault::kMalformed));
}

TEST_CASE("a_malformed_presigned_url_is_refused") {
  for (const std::string& piece : {std::string("X-Amz-Algorithm=AWS4-HMAC-SHA256&"), kCredential + "&",
                                   std::string("&X-Amz-Date=20260102T030405Z"),
                                   std::string("&X-Amz-SignedHeaders=host"), "&X-Amz-Signature=" + kDigits}) {
    CAPTURE(piece);
    CHECK(is_fault(read("", without(kUrlForm, piece)), Fault::kMalformed));
  }
  CHECK(read("", without(kUrlForm, "&X-Amz-Expires=60")).has_value());
  CHECK(read("", with(kUrlForm, "Expires=60", "Expires=604800")).has_value());
  for (const std::string_view expires : {"Expires=604801", "Expires=", "Expires=-1", "Expires=1e3", "Expires=9999999"})
    CHECK(is_fault(read("", with(kUrlForm, "Expires=60", expires)), Fault::kMalformed));
  CHECK(is_fault(read("", with(kUrlForm, "T030405Z", "T030405")), Fault::kMalformed));
  CHECK(is_fault(read("", with(kUrlForm, "Date=20260102", "Date=20260103")), Fault::kMalformed));
  CHECK(is_fault(read("", with(kUrlForm, "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")), Fault::kMalformed));
}

TEST_CASE("names_that_only_some_would_know_are_refused") {
  for (const std::string_view field : {"X_Amz_Date: 1\n", "x-amz-content_sha256: 1\n", "x_amz-meta-a: 1\n"}) {
    CAPTURE(field);
    CHECK(is_fault(read(std::string(field) + kFieldForm), Fault::kMalformed));
  }
  CHECK(read("x-amz-meta-my_key: 1\nx_other: 1\n" + kFieldForm).has_value());
  for (const std::string_view query : {"x-amz-signature=1", "X-Amz_Signature=1", "X-AMZ-DATE=1", "a=%zz", "%"}) {
    CAPTURE(query);
    CHECK(is_fault(read(kFieldForm, query), Fault::kMalformed));
  }
}

TEST_CASE("a_form_upload_to_s3_is_refused") {
  const std::string form = "Content-Type: Multipart/Form-Data; boundary=x\n";
  CHECK(is_fault(read(form + kFieldForm, "", "POST"), Fault::kForm));
  CHECK(is_fault(read(form, kUrlForm, "POST"), Fault::kForm));
  CHECK(read(form + kFieldForm, "", "PUT").has_value());
  CHECK(read(form + guest_authorization("us-east-1/execute-api", "host"), "", "POST").has_value());
  CHECK(read("Content-Type: application/xml\n" + kFieldForm, "delete", "POST").has_value());
}

TEST_CASE("every_fault_has_words_of_its_own") {
  std::vector<std::string_view> seen;
  for (const Fault fault : {Fault::kUnsigned, Fault::kAsymmetric, Fault::kMalformed, Fault::kSaidTwice,
                            Fault::kUnknownPayload, Fault::kForm}) {
    CHECK_FALSE(label(fault).empty());
    CHECK(std::ranges::find(seen, label(fault)) == seen.end());
    seen.push_back(label(fault));
  }
}
