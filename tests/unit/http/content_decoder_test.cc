// What the real encoders write is read back, however it arrives; what is cut off, damaged or goes on is refused; and a
// bomb costs no memory.
#include "http/content_decoder.h"

#include <brotli/encode.h>
#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <string>

using namespace enforcer;
using namespace enforcer::http;

namespace {

enum class Wrapping : int { kGzip = MAX_WBITS + 16, kZlib = MAX_WBITS, kNone = -MAX_WBITS };

std::string deflated(std::string_view text, Wrapping wrapping) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, static_cast<int>(wrapping), 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
std::string gzip(std::string_view text) {
  return deflated(text, Wrapping::kGzip);
}
std::string zlib(std::string_view text) {
  return deflated(text, Wrapping::kZlib);
}

std::string brotli(std::string_view text) {
  std::string out(BrotliEncoderMaxCompressedSize(text.size()) + 32, '\0');
  std::size_t size = out.size();
  REQUIRE(BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, text.size(), as_bytes(text).data(), &size,
                                reinterpret_cast<std::uint8_t*>(out.data())) == BROTLI_TRUE);
  out.resize(size);
  return out;
}

std::string zstd(std::string_view text, int window_log = 0) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string out(ZSTD_compressBound(text.size()) + 32, '\0');
  const std::size_t size = ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size());
  REQUIRE(ZSTD_isError(size) == 0);
  out.resize(size);
  ZSTD_freeCCtx(context);
  return out;
}

constexpr std::string_view kCutOff = "(cut off)";
constexpr std::string_view kDamaged = "(damaged)";

/// What comes out of pieces of so many octets, in rooms of so many; or how it failed.
std::string decode_in(std::string_view coding, std::string_view body, std::size_t piece, std::size_t room_size) {
  ContentDecoder decoder = ContentDecoder::make(coding).value();
  std::string out;
  std::vector<std::uint8_t> room(room_size);
  do {
    Bytes arrived = as_bytes(body.substr(0, piece));
    body.remove_prefix(arrived.size());
    while (true) {
      const auto size = decoder.decode(arrived, room);
      if (!size) {
        CHECK(size.error().code == Errc::kInvalid);
        CHECK_FALSE(decoder.complete());
        CHECK_FALSE(decoder.decode(arrived, room).has_value());  // and it stays so
        return std::string(kDamaged);
      }
      if (*size == 0) break;
      out += as_text(Bytes(room).first(*size));
    }
    CHECK(arrived.empty());
  } while (!body.empty());
  return decoder.complete() ? out : std::string(kCutOff);
}

std::string decode(std::string_view coding, std::string_view body) {
  return decode_in(coding, body, body.size(), 4096);
}

std::string prose() {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "line " + std::to_string(i * 7919) + " of a text that repeats itself\n";
  return text;
}

struct Encoding {
  const char* name;
  std::function<std::string(std::string_view)> encode;
};

const Encoding kEncodings[] = {
    {"gzip", gzip},
    {"X-GZIP", gzip},
    {"deflate", zlib},
    {"deflate", [](std::string_view text) { return deflated(text, Wrapping::kNone); }},
    {"br", brotli},
    {"zstd", [](std::string_view text) { return zstd(text); }},
    {"gzip, br", [](std::string_view text) { return brotli(gzip(text)); }},
    {"zstd,\tgzip", [](std::string_view text) { return gzip(zstd(text)); }},
    {"identity, , BR", brotli},
    {"", [](std::string_view text) { return std::string(text); }},
};

/// Octets of memory that the process has.
std::size_t resident() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0;
  std::size_t pages = 0;
  REQUIRE((file >> all >> pages));
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("what_the_real_encoders_write_is_read_back_however_it_arrives") {
  const std::string text = prose();
  for (const Encoding& encoding : kEncodings) {
    CAPTURE(encoding.name);
    const std::string body = encoding.encode(text);
    for (const std::size_t piece : {body.size(), std::size_t{1}, std::size_t{7}}) {
      for (const std::size_t room : {1U, 13U, 4096U, 65'536U})
        CHECK(decode_in(encoding.name, body, piece, room) == text);
    }
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
      if (decode_in(encoding.name, body, cut, 64) != text) FAIL_CHECK("in pieces of " << cut);
    }
    CHECK(decode(encoding.name, encoding.encode("")).empty());
    CHECK(decode(encoding.name, "").empty());  // no octet at all: not worth an error
  }
}

TEST_CASE("what_has_arrived_is_decoded_at_once") {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  ContentDecoder decoder = ContentDecoder::make("gzip").value();
  for (const std::string_view event : {"data: one\n\n", "data: two\n\n"}) {
    std::uint8_t encoded[256];
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(event.data()));
    stream.avail_in = static_cast<uInt>(event.size());
    stream.next_out = encoded;
    stream.avail_out = sizeof(encoded);
    REQUIRE(deflate(&stream, Z_SYNC_FLUSH) == Z_OK);
    Bytes arrived = Bytes(encoded).first(sizeof(encoded) - stream.avail_out);
    std::uint8_t room[256];
    CHECK(as_text(Bytes(room).first(decoder.decode(arrived, room).value())) == event);
    CHECK_FALSE(decoder.complete());
  }
  deflateEnd(&stream);
}

TEST_CASE("members_and_frames_may_follow_each_other_where_the_format_says_so") {
  CHECK(decode("gzip", gzip("one ") + gzip("") + gzip("two")) == "one two");
  CHECK(decode("zstd", zstd("one ") + zstd("") + zstd("two")) == "one two");
  const std::string skippable("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
  CHECK(decode("zstd", skippable + zstd("one") + skippable) == "one");
  CHECK(decode_in("gzip", gzip("one ") + gzip("two"), 1, 1) == "one two");
  CHECK(decode("deflate", zlib("one") + zlib("two")) == kDamaged);
  CHECK(decode("br", brotli("one") + brotli("two")) == kDamaged);
}

TEST_CASE("a_body_that_is_cut_off_is_never_complete") {
  const std::string text = prose();
  for (const Encoding& encoding : kEncodings) {
    if (*encoding.name == '\0') continue;
    CAPTURE(encoding.name);
    const std::string body = encoding.encode(text);
    for (std::size_t size = 1; size < body.size(); ++size) {
      if (decode(encoding.name, body.substr(0, size)) != kCutOff) FAIL_CHECK("octets: " << size);
    }
  }
}

TEST_CASE("garbage_and_what_stands_behind_the_end_are_refused") {
  for (const Encoding& encoding : kEncodings) {
    if (*encoding.name == '\0') continue;
    CAPTURE(encoding.name);
    const std::string body = encoding.encode("a body");
    CHECK(decode(encoding.name, body + std::string("garbage!")) == kDamaged);
    CHECK(decode(encoding.name, body + std::string(8, '\0')) == kDamaged);
    CHECK(decode(encoding.name, std::string(64, '\xff')) == kDamaged);
  }
  // Where there is a checksum, an octet that is wrong is seen.
  const std::string text = prose();
  for (const Encoding& encoding : {kEncodings[0], kEncodings[2], kEncodings[5]}) {
    CAPTURE(encoding.name);
    std::string body = encoding.encode(text);
    body[body.size() / 2] = static_cast<char>(body[body.size() / 2] ^ 0x10);
    CHECK(decode(encoding.name, body) == kDamaged);
  }
  CHECK(decode("gzip", zlib("a body")) == kDamaged);
  CHECK(decode("gzip, br", gzip("a body")) == kDamaged);
  CHECK(decode("br", gzip("a body")) == kDamaged);
  CHECK(decode("gzip, br", brotli("no gzip")) == kDamaged);
}

TEST_CASE("dictionaries_and_large_windows_are_refused") {
  CHECK(decode("deflate", std::string("\x78\xbb\x05\x8c\x01\xf5", 6)) == kDamaged);  // FDICT
  std::string text;
  for (std::size_t i = 0; text.size() < (9U << 20); ++i) text += std::to_string(i * i);
  CHECK(decode("zstd", zstd(text, 23)) == text);
  CHECK(decode("zstd", zstd(text, 24)) == kDamaged);
}

TEST_CASE("other_codings_and_more_than_two_are_refused") {
  for (const char* codings : {"compress", "gzip, compress", "aes128gcm", "gzip;q=1", "gzip br", "dcb", "zstd-1", "*",
                              "gzip, gzip, gzip", "br, identity, gzip, zstd", "\xff\x01"}) {
    CAPTURE(codings);
    const auto made = ContentDecoder::make(codings);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code == Errc::kInvalid);
    CHECK(made.error().message.size() < 200);
    CHECK_FALSE(made.error().message.contains('\xff'));
  }
}

TEST_CASE("a_bomb_costs_time_and_no_memory") {
  constexpr std::size_t kSize = std::size_t{64} << 20;
  constexpr std::size_t kMost = std::size_t{24} << 20;  // a window of br, and some
  const std::string zeros(kSize, '\0');
  std::vector<std::pair<std::string, std::string>> bombs = {
      {"gzip", gzip(zeros)}, {"br", brotli(zeros)}, {"zstd", zstd(zeros)}};
  bombs.emplace_back("gzip, zstd", zstd(bombs[0].second));
  for (const auto& [codings, body] : bombs) {
    CAPTURE(codings);
    CHECK(body.size() < kSize / 900);
    ContentDecoder decoder = ContentDecoder::make(codings).value();
    std::vector<std::uint8_t> room(std::size_t{64} * 1024);
    Bytes arrived = as_bytes(body);
    const std::size_t before = resident();
    std::size_t most = before;
    std::size_t total = 0;
    while (true) {
      const auto size = decoder.decode(arrived, room);
      REQUIRE(size.has_value());
      if (*size == 0) break;
      total += *size;
      most = std::max(most, resident());
    }
    CHECK(total == kSize);
    CHECK(most - before < kMost);
    CHECK(decoder.complete());
  }
}
