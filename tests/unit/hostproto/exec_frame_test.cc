#include "hostproto/exec_frame.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace enforcer::hostproto {
namespace {

const std::string kNonce = "0123456789abcdef";

std::string payloads(FrameReader& reader) {
  std::string all;
  while (const auto frame = reader.next()) all += static_cast<char>(frame->type) + ("(" + frame->payload + ")");
  return all;
}

TEST_CASE("a_frame_is_type_length_payload") {
  CHECK(encode_frame(FrameType::kStdout, "hey") == std::string("O\0\0\0\3hey", 8));
  CHECK(encode_frame(FrameType::kStdin, "") == std::string("I\0\0\0\0", 5));
}

TEST_CASE("input_taken_is_a_number_of_exactly_four_bytes") {
  CHECK(encode_input_taken(0x01020304) == std::string("I\0\0\0\4\1\2\3\4", 9));
  CHECK(decode_input_taken("\1\2\3\4") == 0x01020304);
  CHECK_FALSE(decode_input_taken("\1\2\3"));
  CHECK_FALSE(decode_input_taken("\1\2\3\4\5"));
}

TEST_CASE("a_window_is_rows_and_columns_in_exactly_four_bytes") {
  const std::string frame = encode_window({.rows = 0x0102, .columns = 0xfffe});
  CHECK(frame == std::string("W\0\0\0\4\1\2\xff\xfe", 9));
  CHECK(decode_window(frame.substr(kFrameHeader)) == WindowSize{.rows = 0x0102, .columns = 0xfffe});
  CHECK(decode_window(std::string(4, '\0')) == WindowSize{.rows = 0, .columns = 0});
  CHECK_FALSE(decode_window(frame.substr(kFrameHeader, 3)));
  CHECK_FALSE(decode_window(frame.substr(kFrameHeader) + "x"));
  CHECK_FALSE(decode_window(""));
}

TEST_CASE("a_time_is_microseconds_in_exactly_eight_bytes") {
  const auto time = WallClock::time_point(std::chrono::microseconds(0x0001020304050607));
  const std::string frame = encode_clock(time);
  CHECK(frame == std::string("C\0\0\0\x08\0\1\2\3\4\5\6\7", 13));
  CHECK(decode_clock(frame.substr(kFrameHeader)) == time);
  CHECK(encode_clock(time + std::chrono::nanoseconds(999)) == frame);
  CHECK(decode_clock(std::string(8, '\0')) == WallClock::time_point());
  CHECK(encode_clock(WallClock::time_point(std::chrono::seconds(-5))) == encode_clock(WallClock::time_point()));
  CHECK_FALSE(decode_clock(frame.substr(kFrameHeader, 7)));
  CHECK_FALSE(decode_clock(frame.substr(kFrameHeader) + "x"));
  CHECK_FALSE(decode_clock(""));

  const std::string last = encode_clock(WallClock::time_point::max()).substr(kFrameHeader);
  CHECK(decode_clock(last));
  std::string beyond = last;
  ++beyond.back();
  CHECK_FALSE(decode_clock(beyond));
  CHECK_FALSE(decode_clock(std::string(8, '\xff')));
}

TEST_CASE("frames_come_back_whatever_the_pieces") {
  const std::string stream = encode_frame(FrameType::kHello, kNonce) + encode_frame(FrameType::kTrust, "pem") +
                             encode_frame(FrameType::kExec, "{}") + encode_frame(FrameType::kStdin, "") +
                             encode_window({.rows = 'a' << 8 | 'b', .columns = 'c' << 8 | 'd'}) +
                             encode_frame(FrameType::kSignal, "\x0f");
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameReader reader;
    std::string all;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      REQUIRE(reader.feed(as_bytes(std::string_view(stream).substr(at, piece))));
      all += payloads(reader);
    }
    CHECK(all == "H(" + kNonce + ")T(pem)X({})I()W(abcd)S(\x0f)");
    CHECK_FALSE(reader.in_frame());
  }
}

TEST_CASE("the_largest_payload_passes_and_one_byte_more_is_refused") {
  FrameReader reader;
  const std::string largest(kMaxFramePayload, 'x');
  REQUIRE(reader.feed(as_bytes(encode_frame(FrameType::kStdout, largest))));
  CHECK(reader.next()->payload == largest);

  const auto refused = reader.feed(as_bytes(std::string_view("O\0\1\0\1", 5)));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kInvalid);
}

TEST_CASE("an_unknown_type_is_refused_at_its_first_byte_and_for_good") {
  FrameReader reader;
  REQUIRE(reader.feed(as_bytes(encode_frame(FrameType::kStdout, "before"))));
  CHECK_FALSE(reader.feed(as_bytes("G")));
  CHECK(payloads(reader) == "O(before)");
  CHECK_FALSE(reader.feed(as_bytes(encode_frame(FrameType::kStdout, "after"))));
  CHECK(payloads(reader).empty());
}

TEST_CASE("invariant_7_a_flood_that_nobody_takes_is_refused_not_buffered") {
  FrameReader reader;
  const std::string frame = encode_frame(FrameType::kStdout, std::string(kMaxFramePayload, 'x'));
  for (int i = 0; i < 4; ++i) REQUIRE(reader.feed(as_bytes(frame)));
  CHECK_FALSE(reader.feed(as_bytes(frame)));
}

TEST_CASE("host_drops_everything_before_the_echo_of_its_nonce") {
  const std::string noise = "of an older frame " + encode_frame(FrameType::kHello, "") +
                            encode_frame(FrameType::kHello, "anothernonce1234") +
                            encode_frame(FrameType::kResult, "{}");
  const std::string stream = noise + encode_frame(FrameType::kHello, kNonce) + encode_frame(FrameType::kStdout, "new");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, stream.size()}) {
    FrameReader reader;
    REQUIRE(reader.feed(as_bytes(encode_frame(FrameType::kStdout, "old"))));
    reader.expect_hello(kNonce);
    std::string all;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      REQUIRE(reader.feed(as_bytes(std::string_view(stream).substr(at, piece))));
      all += payloads(reader);
    }
    CHECK(all == "H(" + kNonce + ")O(new)");
  }
}

TEST_CASE("host_waiting_for_a_hello_keeps_no_more_than_a_hello") {
  FrameReader reader;
  reader.expect_hello(kNonce);
  const std::string noise(kMaxFramePayload, 'z');
  for (int i = 0; i < 100; ++i) REQUIRE(reader.feed(as_bytes(noise)));
  REQUIRE(reader.feed(as_bytes(encode_frame(FrameType::kHello, kNonce))));
  CHECK(payloads(reader) == "H(" + kNonce + ")");
}

TEST_CASE("guest_finds_the_hello_inside_a_torn_frame") {
  FrameReader reader;
  const std::string torn = encode_frame(FrameType::kStdin, std::string(1000, 'x')).substr(0, 300);
  REQUIRE(reader.feed(as_bytes(torn + encode_frame(FrameType::kHello, kNonce))));
  CHECK_FALSE(reader.next());
  REQUIRE(reader.in_frame());
  REQUIRE(reader.resync_at_hello());
  CHECK(payloads(reader) == "H(" + kNonce + ")");
}

TEST_CASE("guest_recovers_from_a_stream_that_is_not_frames") {
  FrameReader reader;
  CHECK_FALSE(reader.feed(as_bytes(std::string(200000, '!'))));
  CHECK_FALSE(reader.resync_at_hello());
  const std::string hello = encode_frame(FrameType::kHello, kNonce);
  CHECK_FALSE(reader.feed(as_bytes(hello.substr(0, 10))));
  CHECK_FALSE(reader.resync_at_hello());
  CHECK_FALSE(reader.feed(as_bytes(hello.substr(10))));
  REQUIRE(reader.resync_at_hello());
  CHECK(payloads(reader) == "H(" + kNonce + ")");
  REQUIRE(reader.feed(as_bytes(encode_frame(FrameType::kExec, "{}"))));
  CHECK(payloads(reader) == "X({})");
}

TEST_CASE("a_slow_frame_without_a_hello_in_it_is_left_alone") {
  FrameReader reader;
  const std::string frame = encode_frame(FrameType::kStdin, "a slow one");
  REQUIRE(reader.feed(as_bytes(frame.substr(0, 9))));
  CHECK_FALSE(reader.resync_at_hello());
  REQUIRE(reader.feed(as_bytes(frame.substr(9))));
  CHECK(payloads(reader) == "I(a slow one)");
}

}  // namespace
}  // namespace enforcer::hostproto
