// The chunked upload: published figures, every way to split a body, and everything that is not exactly such a body.
#include "credentials/sigv4_chunks.h"

#include <doctest/doctest.h>

#include "sigv4_fixture.h"

using namespace enforcer;
using namespace enforcer::credentials;

namespace {

using Trailer = ChunkSigner::Trailer;

const std::string kGuestDigits(64, '0');
const std::string kGuestChunk = ";chunk-signature=" + kGuestDigits + "\r\n";

ChunkSeed seed_for(std::string_view signature) {
  const SignatureScope scope{.date = "20130524", .region = "us-east-1", .service = "s3"};
  return {.key = SigningKey(testing::kS3Keys.secret_access_key, scope),
          .timestamp = "20130524T000000Z",
          .scope = scope.text(),
          .signature = std::string(signature)};
}

/// The whole body in pieces of this size; "error: …" when it is refused.
std::string signed_body(std::string_view body, std::size_t piece, Trailer trailer = Trailer::kNone,
                        std::string_view seed = "seed") {
  ChunkSigner signer(seed_for(seed), trailer);
  std::vector<std::uint8_t> out;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    if (const auto taken = signer.take(as_bytes(body.substr(at, piece)), out); !taken) {
      CHECK_FALSE(signer.take(as_bytes("0"), out).has_value());  // and it stays so
      CHECK_FALSE(signer.finish().has_value());
      return "error: " + taken.error().message;
    }
  }
  const auto finished = signer.finish();
  return finished ? std::string(as_text(out)) : "error: " + finished.error().message;
}

/// Of at most 9 octets.
std::string chunk(std::string_view data) {
  return std::to_string(data.size()) + kGuestChunk + std::string(data) + "\r\n";
}

const std::string kSmall = chunk("hello") + chunk("\r\n0;chunk") + chunk("");
const std::string kTrailerBody = chunk("hello") + "0" + kGuestChunk + "x-amz-checksum-crc32c:sOO8/Q==\r\n" +
                                 "x-amz-trailer-signature:" + kGuestDigits + "\r\n\r\n";

bool refused(std::string_view body, Trailer trailer = Trailer::kNone) {
  const std::string at_once = signed_body(body, body.size() + 1, trailer);
  CHECK(signed_body(body, 1, trailer) == at_once);
  return at_once.starts_with("error: ");
}

}  // namespace

TEST_CASE("the_published_chunked_upload_is_signed_as_published") {
  auto head = testing::head_from(
      "PUT /examplebucket/chunkObject.txt HTTP/1.1\nHost: s3.amazonaws.com\n"
      "x-amz-date: 20200101T000000Z\nx-amz-storage-class: REDUCED_REDUNDANCY\nContent-Encoding: aws-chunked\n"
      "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\nx-amz-decoded-content-length: 66560\n"
      "Content-Length: 66824\n" +
      testing::guest_authorization("us-east-1/s3",
                                   "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
                                   "x-amz-decoded-content-length;x-amz-storage-class"));
  CHECK(read_signature(head)->payload == GuestSignature::Payload::kChunks);
  CHECK_FALSE(read_signature(head)->needs_body());
  ChunkSeed seed = testing::sign_again(head, testing::kS3Keys, testing::kS3Time);
  CHECK(seed.signature == "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");

  const std::string body = "10000" + kGuestChunk + std::string(65536, 'a') + "\r\n400" + kGuestChunk +
                           std::string(1024, 'a') + "\r\n0" + kGuestChunk + "\r\n";
  REQUIRE(body.size() == 66824);
  ChunkSigner signer(std::move(seed), Trailer::kNone);
  std::vector<std::uint8_t> out;
  REQUIRE(signer.take(as_bytes(body), out).has_value());
  REQUIRE(signer.finish().has_value());
  const auto with = [](std::string_view signature) { return ";chunk-signature=" + std::string(signature) + "\r\n"; };
  CHECK(as_text(out) == "10000" + with("ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648") +
                            std::string(65536, 'a') + "\r\n400" +
                            with("0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497") +
                            std::string(1024, 'a') + "\r\n0" +
                            with("b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9") + "\r\n");
}

TEST_CASE("the_published_upload_with_a_trailer_is_signed_as_published") {
  auto head = testing::head_from(
      "PUT /examplebucket/chunkObject.txt HTTP/1.1\nHost: s3.amazonaws.com\n"
      "x-amz-date: 20200101T000000Z\nx-amz-storage-class: REDUCED_REDUNDANCY\nContent-Encoding: aws-chunked\n"
      "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER\nx-amz-decoded-content-length: 66560\n"
      "x-amz-trailer: x-amz-checksum-crc32c\nContent-Length: 66946\n" +
      testing::guest_authorization("us-east-1/s3", "content-encoding;host;x-amz-content-sha256;x-amz-date"));
  const ChunkSeed seed = testing::sign_again(head, testing::kS3Keys, testing::kS3Time);
  CHECK(seed.signature == "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  const std::string body = "10000" + kGuestChunk + std::string(65536, 'a') + "\r\n400" + kGuestChunk +
                           std::string(1024, 'a') + "\r\n0" + kGuestChunk + "x-amz-checksum-crc32c:sOO8/Q==\r\n" +
                           "x-amz-trailer-signature:" + kGuestDigits + "\r\n\r\n";
  const std::string out = signed_body(body, 1000, Trailer::kSigned, seed.signature);
  CHECK(out.size() == body.size());
  CHECK(
      out.contains("0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
                   "x-amz-checksum-crc32c:sOO8/Q==\r\n"
                   "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"
                   "\r\n"));
}

TEST_CASE("a_body_comes_out_the_same_however_it_is_split") {
  for (const auto& [body, trailer] : {std::pair(kSmall, Trailer::kNone), std::pair(kTrailerBody, Trailer::kSigned)}) {
    const std::string whole = signed_body(body, body.size(), trailer);
    REQUIRE(whole.size() == body.size());
    CHECK_FALSE(whole.contains(kGuestDigits));
    for (std::size_t piece = 1; piece < body.size(); ++piece) CHECK(signed_body(body, piece, trailer) == whole);
    for (std::size_t split = 0; split <= body.size(); ++split) {
      ChunkSigner signer(seed_for("seed"), trailer);
      std::vector<std::uint8_t> out;
      REQUIRE(signer.take(as_bytes(body).first(split), out).has_value());
      CHECK(signer.finish().has_value() == (split == body.size()));
      CHECK(out.size() <= split);
      REQUIRE(signer.take(as_bytes(body).subspan(split), out).has_value());
      REQUIRE(signer.finish().has_value());
      CHECK(as_text(out) == whole);
    }
  }
}

TEST_CASE("each_signature_continues_from_the_one_before") {
  const std::string one = signed_body(kSmall, 7);
  const std::string other = signed_body(kSmall, 7, Trailer::kNone, "another seed");
  const std::string first_changed = signed_body(chunk("hallo") + chunk("\r\n0;chunk") + chunk(""), 7);
  const auto last = [](const std::string& body) { return body.substr(body.size() - 68); };
  CHECK(one != other);
  CHECK(last(one) != last(other));
  CHECK(last(one) != last(first_changed));
  CHECK(last(one) == last(signed_body(kSmall, 3)));
}

TEST_CASE("the_signatures_of_the_guest_do_not_matter_and_its_spelling_of_sizes_stays") {
  std::string body = "000A;chunk-signature=" + std::string(64, 'F') + "\r\n0123456789\r\n00" + kGuestChunk + "\r\n";
  const std::string out = signed_body(body, 5);
  CHECK(out.size() == body.size());
  CHECK(out.starts_with("000A;chunk-signature="));
  CHECK(out.contains("\r\n0123456789\r\n00;chunk-signature="));
  CHECK_FALSE(out.contains("FFFF"));
}

TEST_CASE("an_empty_object_is_one_chunk") {
  CHECK(signed_body(chunk(""), 1).size() == chunk("").size());
}

TEST_CASE("nothing_but_such_a_body_passes") {
  REQUIRE_FALSE(refused(kSmall));
  REQUIRE_FALSE(refused(kTrailerBody, Trailer::kSigned));
  const std::string data = "hello\r\n" + chunk("");
  for (const std::string& line : {
           std::string("5\r\n"),                                    // HTTP's own chunks
           ";chunk-signature=" + kGuestDigits + "\r\n",             // no size
           "5;chunk-signature=" + kGuestDigits.substr(1) + "\r\n",  // 63 digits
           "5;chunk-signature=" + kGuestDigits + "0\r\n",           // 65
           "5;chunk-signature=" + kGuestDigits.substr(1) + "g\r\n",
           "5;chunk-signature=" + kGuestDigits + ";x=1\r\n",
           "5;x=1;chunk-signature=" + kGuestDigits + "\r\n",
           "5 ;chunk-signature=" + kGuestDigits + "\r\n",
           " 5;chunk-signature=" + kGuestDigits + "\r\n",
           "0x5;chunk-signature=" + kGuestDigits + "\r\n",
           "+5;chunk-signature=" + kGuestDigits + "\r\n",
           "-5;chunk-signature=" + kGuestDigits + "\r\n",
           "5;Chunk-Signature=" + kGuestDigits + "\r\n",
           "00000000000000005;chunk-signature=" + kGuestDigits + "\r\n",  // 17 digits
           "5;chunk-signature=" + kGuestDigits + "\n",
           "5;chunk-signature=" + kGuestDigits + "\r",
           std::string("\r\n"),
       }) {
    CAPTURE(line);
    CHECK(refused(line + data));
  }
  CHECK(refused("4" + kGuestChunk + data));  // data goes on
  CHECK(refused("6" + kGuestChunk + data));  // CRLF taken for data
  CHECK(refused("5" + kGuestChunk + "hello\n" + chunk("")));
  CHECK(refused("5" + kGuestChunk + "hello\rx" + chunk("")));
  CHECK(refused(kSmall + "x"));
  CHECK(refused(kSmall + kSmall));
  CHECK(refused(kSmall.substr(0, kSmall.size() - 2) + "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n"));  // no trailer said
  for (std::size_t size = 0; size < kSmall.size(); ++size) CHECK(refused(kSmall.substr(0, size)));
}

TEST_CASE("nothing_but_a_signed_trailer_passes") {
  const std::string last = "0" + kGuestChunk;
  const std::string line = "x-amz-checksum-crc32c:sOO8/Q==\r\n";
  const std::string signature = "x-amz-trailer-signature:" + kGuestDigits + "\r\n";
  const auto trailer_refused = [&](const std::string& text) { return refused(last + text, Trailer::kSigned); };
  REQUIRE_FALSE(trailer_refused(line + signature + "\r\n"));
  REQUIRE_FALSE(trailer_refused(line + line + signature + "\r\n"));
  CHECK(trailer_refused("\r\n"));
  CHECK(trailer_refused(signature + "\r\n"));
  CHECK(trailer_refused(line + "\r\n"));
  CHECK(trailer_refused(line + signature + line + "\r\n"));
  CHECK(trailer_refused(line + signature + "\r\n\r\n"));
  CHECK(trailer_refused(line + "x-amz-trailer-signature:" + kGuestDigits + "0\r\n\r\n"));
  CHECK(trailer_refused("x-amz-checksum-crc32c\r\n" + signature + "\r\n"));
  CHECK(trailer_refused(":x\r\n" + signature + "\r\n"));
  CHECK(trailer_refused("a b:x\r\n" + signature + "\r\n"));
  CHECK(trailer_refused("a:\x01\r\n" + signature + "\r\n"));
  CHECK(trailer_refused("a:b\n" + signature + "\r\n"));
  // Bounded, one long line or many short ones.
  CHECK(trailer_refused("a:" + std::string(ChunkSigner::kMaxTrailer, 'x') + "\r\n" + signature + "\r\n"));
  std::string many;
  while (many.size() < ChunkSigner::kMaxTrailer) many += "a:b\r\n";
  CHECK(trailer_refused(many + signature + "\r\n"));
}

TEST_CASE("a_chunk_is_held_until_it_is_whole_and_one_that_is_too_large_is_refused_before_its_data") {
  const auto begins = [](std::string_view size) {
    ChunkSigner signer(seed_for("seed"), Trailer::kNone);
    std::vector<std::uint8_t> out;
    const bool taken = signer.take(as_bytes(std::string(size) + kGuestChunk + "x"), out).has_value();
    CHECK(out.empty());
    return taken;
  };
  CHECK(begins("100000"));
  CHECK_FALSE(begins("100001"));
  CHECK_FALSE(begins("7fffffffffffffff"));
  CHECK_FALSE(begins("ffffffffffffffff"));

  const std::string largest =
      "100000" + kGuestChunk + std::string(ChunkSigner::kMaxChunk, 'z') + "\r\n0" + kGuestChunk + "\r\n";
  CHECK(signed_body(largest, 16384).size() == largest.size());
}
