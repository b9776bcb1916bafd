// Requests signed again: published examples of AWS, and requests that another implementation (botocore 1.43) signed.
#include "credentials/sigv4.h"

#include <doctest/doctest.h>

#include "credentials/sigv4_canonical.h"
#include "sigv4_fixture.h"

using namespace enforcer;
using namespace enforcer::credentials;
using testing::guest_authorization;
using testing::head_from;
using testing::kPeerTime;
using testing::kPlainKeys;
using testing::kS3Keys;
using testing::kS3Time;
using testing::kSessionKeys;
using testing::only;
using testing::sign_again;

namespace {

const std::string kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kBucket = "Host: examplebucket.s3.amazonaws.com\n";

/// What a presigned URL of a guest ends with.
std::string guest_query(std::string_view region_and_service, std::string_view signed_headers,
                        std::string_view expires = "86400") {
  return "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAPLACEHOLDER00000%2F20130524%2F" +
         std::string(region_and_service) +
         "%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=" + std::string(expires) +
         "&X-Amz-SignedHeaders=" + std::string(signed_headers) + "&X-Amz-Signature=" + std::string(64, '0');
}

std::string query_signature(const http::RequestHead& head) {
  const auto at = head.path.query->rfind("&X-Amz-Signature=");
  REQUIRE(at != std::string::npos);
  return head.path.query->substr(at + 17);
}

}  // namespace

TEST_CASE("the_published_examples_of_s3_come_out_as_published") {
  auto get = head_from("GET /test.txt HTTP/1.1\n" + kBucket + "Range: bytes=0-9\nx-amz-content-sha256: " + kEmptyHash +
                       "\nx-amz-date: 20200101T000000Z\n" +
                       guest_authorization("us-east-1/s3", "host;range;x-amz-content-sha256;x-amz-date"));
  sign_again(get, kS3Keys, kS3Time);
  CHECK(only(get, "authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  CHECK(only(get, "x-amz-date") == "20130524T000000Z");

  auto put = head_from("PUT /test$file.text HTTP/1.1\n" + kBucket +
                       "Date: Fri, 24 May 2013 00:00:00 GMT\nx-amz-storage-class: REDUCED_REDUNDANCY\n"
                       "x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n" +
                       guest_authorization("us-east-1/s3", "date;host;x-amz-content-sha256"));
  CHECK(sign_again(put, kS3Keys, kS3Time).signature ==
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");

  auto lifecycle = head_from("GET /?lifecycle HTTP/1.1\n" + kBucket + "x-amz-content-sha256: " + kEmptyHash + "\n" +
                             guest_authorization("us-east-1/s3", "host;x-amz-content-sha256;x-amz-date"));
  CHECK(sign_again(lifecycle, kS3Keys, kS3Time).signature ==
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");

  auto list = head_from("GET /?max-keys=2&prefix=J HTTP/1.1\n" + kBucket + "x-amz-content-sha256: " + kEmptyHash +
                        "\n" + guest_authorization("us-east-1/s3", "host;x-amz-content-sha256;x-amz-date"));
  CHECK(sign_again(list, kS3Keys, kS3Time).signature ==
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");

  auto presigned = head_from("GET /test.txt?" + guest_query("us-east-1%2Fs3", "host") + " HTTP/1.1\n" + kBucket);
  sign_again(presigned, kS3Keys, kPeerTime);  // the date of a presigned URL stays
  CHECK(*presigned.path.query ==
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
        "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
  CHECK(presigned.secret_target);
  CHECK(presigned.fields.empty());
}

TEST_CASE("a_request_of_our_own_is_signed_as_published") {
  auto head = head_from(
      "GET /?Action=ListUsers&Version=2010-05-08 HTTP/1.1\nHost: iam.amazonaws.com\n"
      "Content-Type: application/x-www-form-urlencoded; charset=utf-8\n");
  REQUIRE(sign_own(head, "", "us-east-1", "iam", kPlainKeys, testing::utc(2015, 8, 30, 12, 36)).has_value());
  CHECK(only(head, "authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");

  auto assume = head_from(
      "POST / HTTP/1.1\nHost: sts.us-east-1.amazonaws.com\n"
      "Content-Type: application/x-www-form-urlencoded; charset=utf-8\nContent-Length: 119\n");
  const std::string body =
      "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fagent&"
      "RoleSessionName=g1";
  REQUIRE(sign_own(assume, body, "us-east-1", "sts", kPlainKeys, kPeerTime).has_value());
  CHECK(only(assume, "authorization")
            .ends_with("Signature=ecfb7de818df87848c2d6b413700a9f5748c1ae5c3ef16119ec4299df97e1f7e"));
}

TEST_CASE("requests_come_out_as_another_implementation_signs_them") {
  const std::string token = "X-Amz-Security-Token: placeholder\n";
  // Path escaped twice, two blanks in a value.
  auto lambda = head_from(
      "POST /2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Afn%20x~y/invocations"
      "?Qualifier=%24LATEST HTTP/1.1\nHost: lambda.eu-west-1.amazonaws.com\nContent-Type: application/octet-stream\n"
      "X-Amz-Client-Context: a   b\n" +
      token + guest_authorization("eu-west-1/lambda", "content-type;host"));
  CHECK(sign_again(lambda, kSessionKeys, kPeerTime, R"({"k": 1})").signature ==
        "5de18d9d03ab3591d6d2af627300bd9aa95330e7fdba8d8c7759c9c6003a5325");
  // Path escaped once, with an escaped slash; a name with '_'; a field that only the guest asked for.
  auto put = head_from(
      "PUT /a%20b/%E1%88%B4%2Bx~y/c%2Fd%3A%21%27%28%29 HTTP/1.1\nHost: bucket.s3.amazonaws.com\n"
      "x-amz-meta-My_Key:   two   blanks \"  in  it\" \nContent-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\n"
      "Expect: 100-continue\nIf-None-Match: *\nContent-Length: 4\nX-Amz-Content-SHA256: UNSIGNED-PAYLOAD\n" +
      token + guest_authorization("us-east-1/s3", "host;if-none-match;expect"));
  CHECK(sign_again(put, kSessionKeys, kPeerTime).signature ==
        "453439bc75935e6d4f9f3d2e603eb2b8e92a484ec581caa2ee20e6b14bafdc4e");
  CHECK(only(put, "x-amz-content-sha256") == "UNSIGNED-PAYLOAD");
  // Order of parameters; no value, empty values, one name twice.
  auto list = head_from(
      "GET /?prefix=b%2F%2Bx&list-type=2&delimiter=%2F&acl&B=&Aa=1&A=2&A=10&A-b=1 HTTP/1.1\n"
      "Host: bucket.s3.amazonaws.com\nX-Amz-Content-SHA256: " +
      kEmptyHash + "\n" + guest_authorization("us-east-1/s3", "host"));
  CHECK(sign_again(list, kPlainKeys, kPeerTime).signature ==
        "9e9a83f7fe0237c5b3ea9e7408ba2ef49471fd337e72d698214de0aab04df565");
  // Another port than HTTPS's.
  auto port = head_from("GET /bucket/key HTTP/1.1\nHost: minio.test:9000\nRange: bytes=0-9\n" +
                        guest_authorization("us-east-1/s3", "host;range"));
  CHECK(sign_again(port, kPlainKeys, kPeerTime).signature ==
        "dba7c029b57cc35182980ef0d6c9d684ab588c627fce861d994ad90b3be876c5");
  CHECK(only(port, "x-amz-content-sha256") == kEmptyHash);  // S3 wants one
  auto table = head_from(
      "POST / HTTP/1.1\nHost: dynamodb.cn-north-1.amazonaws.com.cn\nContent-Type: application/x-amz-json-1.0\n"
      "X-Amz-Target: DynamoDB_20120810.GetItem\nAccept-Language: de,  en\nUser-Agent: x\nContent-Length: 2\n" +
      guest_authorization("cn-north-1/dynamodb", "accept-language;host"));
  CHECK(sign_again(table, kSessionKeys, kPeerTime, "{}").signature ==
        "c2fc35df9047071ddb4577fc8cb14716b051e01a426d7bcdfa771bc52e071025");
  CHECK(http::values_of(table.fields, "x-amz-content-sha256").empty());
}

TEST_CASE("presigned_requests_come_out_as_another_implementation_signs_them") {
  const auto dated = [](std::string query) {
    for (auto at = query.find("20130524"); at != std::string::npos; at = query.find("20130524"))
      query.replace(at, 8, "20260102");
    query.replace(query.find("T000000Z"), 8, "T030405Z");
    return query;
  };
  auto object = head_from(
      "GET /a%20b/key?response-content-disposition=attachment%3B%20filename%3D%22x%20y.txt%22&versionId=null&" +
      dated(guest_query("us-east-1%2Fs3", "host%3Bx-amz-request-payer", "900")) +
      "&X-Amz-Security-Token=placeholder HTTP/1.1\nHost: bucket.s3.amazonaws.com\nx-amz-request-payer: requester\n");
  CHECK_FALSE(read_signature(object)->needs_body());
  sign_again(object, kSessionKeys, kS3Time);
  CHECK(query_signature(object) == "530b4674c8683b2036225aceb7e58214fa79fefdf0849f4046b19a79e00c4675");
  CHECK(
      object.path.query->starts_with("response-content-disposition=attachment%3B%20filename%3D%22x%20y.txt%22&"
                                     "versionId=null&X-Amz-Algorithm="));
  CHECK(object.path.query->contains("&X-Amz-Security-Token=IQoJb3JpZ2luX2Vj%2F%2Fx%2By%3D&"));

  auto identity = head_from("GET /?Action=GetCallerIdentity&Version=2011-06-15&" +
                            dated(guest_query("us-west-2%2Fsts", "host%3Bx-k8s-aws-id", "60")) +
                            " HTTP/1.1\nHost: sts.us-west-2.amazonaws.com\nx-k8s-aws-id: cluster\n");
  CHECK(read_signature(identity)->needs_body());
  sign_again(identity, kSessionKeys, kS3Time);
  CHECK(query_signature(identity) == "63a76b7e7c623ecd899207d52e548b2cf4152cf270571990baa3862f0977fd8f");
}

TEST_CASE("nothing_of_the_guests_credentials_stays_beside_ours") {
  auto head = head_from(
      "GET /?api_key=own&a=1 HTTP/1.1\nHost: ce.us-east-1.amazonaws.com\nCookie: own=1\n"
      "X-Amz-Date: 20200101T000000Z\nX-Amz-Security-Token: own\nx-amz-s3session-token: own\n" +
      guest_authorization("us-east-1/ce", "host;x-amz-date;x-amz-security-token;cookie"));
  sign_again(head, kPlainKeys, kPeerTime);
  CHECK(serialise(head) ==
        "GET /?a=1 HTTP/1.1\r\nHost: ce.us-east-1.amazonaws.com\r\nX-Amz-Date: 20260102T030405Z\r\n"
        "Authorization: " +
            only(head, "authorization") + "\r\n\r\n");
  CHECK(only(head, "authorization").contains("SignedHeaders=host;x-amz-date, "));

  auto presigned = head_from("GET /k?" + guest_query("us-east-1%2Fs3", "host") +
                             "&X-Amz-Security-Token=own&X-Amz-S3session-Token=own HTTP/1.1\n" + kBucket +
                             "X-Amz-Date: 20200101T000000Z\n");
  sign_again(presigned, kS3Keys, kS3Time);
  CHECK_FALSE(serialise(presigned).contains("own"));
  CHECK(presigned.fields.empty());
  CHECK_FALSE(presigned.path.query->contains("X-Amz-Security-Token"));
}

TEST_CASE("what_holds_a_secret_is_marked") {
  auto head = head_from("GET / HTTP/1.1\nHost: ce.us-east-1.amazonaws.com\n" +
                        guest_authorization("us-east-1/ce", "host;x-amz-date"));
  sign_again(head, kSessionKeys, kPeerTime);
  for (const http::HeaderField& field : head.fields) {
    CAPTURE(field.name);
    CHECK(field.secret == (field.name == "Authorization" || field.name == "X-Amz-Security-Token"));
  }
  CHECK(only(head, "x-amz-security-token") == kSessionKeys.session_token);
  CHECK(only(head, "authorization").contains("SignedHeaders=host;x-amz-date;x-amz-security-token, "));
  CHECK_FALSE(head.secret_target);
}

TEST_CASE("only_what_is_sent_as_it_stands_is_signed") {
  auto head = head_from(
      "POST /f HTTP/1.1\nHost: ce.us-east-1.amazonaws.com:443\nContent-Length: 2\nTE: trailers\n"
      "Accept-Encoding: gzip\nConnection: keep-alive, x-gone\nX-Gone: 1\nX-Kept: 1\n"
      "Expect: 100-continue\n" +
      guest_authorization("us-east-1/ce", "accept-encoding;connection;content-length;expect;host;te;x-gone;x-kept"));
  sign_again(head, kPlainKeys, kPeerTime, "{}");
  CHECK(only(head, "authorization").contains("SignedHeaders=content-length;host;x-amz-date;x-kept, "));
  CHECK(serialise(head).contains("Host: ce.us-east-1.amazonaws.com\r\n"));

  auto chunked = head_from("POST /f HTTP/1.1\nHost: ce.us-east-1.amazonaws.com\nTransfer-Encoding: chunked\n" +
                           guest_authorization("us-east-1/ce", "content-length;host;transfer-encoding"));
  sign_again(chunked, kPlainKeys, kPeerTime, "{}");
  CHECK(only(chunked, "authorization").contains("SignedHeaders=host;x-amz-date, "));
}

TEST_CASE("the_body_counts_only_where_the_request_does_not_say_its_hash") {
  const auto signature = [](std::string_view hash, std::string_view body) {
    auto head = head_from("POST / HTTP/1.1\nHost: ce.us-east-1.amazonaws.com\n" + std::string(hash) +
                          guest_authorization("us-east-1/ce", "host"));
    return sign_again(head, kPlainKeys, kPeerTime, body).signature;
  };
  CHECK(signature("", "a") != signature("", "b"));
  const std::string said = "x-amz-content-sha256: " + kEmptyHash + "\n";
  CHECK(signature(said, "a") == signature(said, "b"));
  CHECK(signature("x-amz-content-sha256: UNSIGNED-PAYLOAD\n", "a") != signature(said, "a"));
}

TEST_CASE("a_plus_is_sent_as_the_blank_that_it_was_read_as") {
  auto head = head_from("GET /?q=a+b%2Bc&& HTTP/1.1\nHost: ce.us-east-1.amazonaws.com\n" +
                        guest_authorization("us-east-1/ce", "host"));
  const auto plus = sign_again(head, kPlainKeys, kPeerTime).signature;
  CHECK(head.path.query == "q=a%20b%2Bc&&");
  auto blank = head_from("GET /?q=a%20b%2bc HTTP/1.1\nHost: ce.us-east-1.amazonaws.com\n" +
                         guest_authorization("us-east-1/ce", "host"));
  CHECK(sign_again(blank, kPlainKeys, kPeerTime).signature == plus);
}

TEST_CASE("s3_escapes_a_path_once_and_others_escape_it_twice") {
  for (const std::string_view service : {"s3", "s3-outposts", "s3-object-lambda", "s3express"}) {
    CAPTURE(service);
    CHECK(canonical_uri("/a%20b/%2F//../x:y", service) == "/a%20b/%2F//../x%3Ay");
  }
  for (const std::string_view service : {"execute-api", "s3tables", "s3vectors"})
    CHECK(canonical_uri("/a%20b/%2F/x:y", service) == "/a%2520b/%252F/x%3Ay");
  CHECK(canonical_uri("/100%", "s3") == "/100%25");
}

TEST_CASE("keys_that_cannot_stand_in_a_request_are_refused_without_showing_them") {
  const auto refusal = [](const AwsKeys& keys) -> std::string {
    auto head =
        head_from("GET / HTTP/1.1\nHost: ce.us-east-1.amazonaws.com\n" + guest_authorization("us-east-1/ce", "host"));
    const auto done = sign(head, *read_signature(head), keys, kPeerTime, "");
    if (done) return "";
    CHECK(done.error().code == Errc::kInvalid);
    CHECK_FALSE(done.error().message.contains("CANARY"));
    return done.error().message;
  };
  CHECK(refusal({"CANARY", "CANARY", "CANARY"}).empty());
  CHECK_FALSE(refusal({"", "CANARY", ""}).empty());
  CHECK_FALSE(refusal({"CANARY", "", ""}).empty());
  for (const std::string_view id : {"CANARY/x", "CANARY,x", "CANARY x", "CANARY\r\nX: y", "CANARY\xc3\xa9"})
    CHECK_FALSE(refusal({id, "CANARY", ""}).empty());
  for (const std::string_view token : {"CANARY x", "CANARY\r\nX: y", "CANARY\x7f"})
    CHECK_FALSE(refusal({"CANARY", "CANARY", token}).empty());
}
