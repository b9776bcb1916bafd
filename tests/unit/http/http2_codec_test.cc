#include "http/http2_codec.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

using namespace enforcer;
using namespace enforcer::http;

namespace {

constexpr std::size_t kFrameHead = 9;  // RFC 9113 4.1
constexpr std::uint8_t kDataFrame = 0x0;
constexpr std::uint8_t kEndStream = 0x1;

/// One end of a connection: what it sends is kept, and what it is told.
class Peer final : public Http2Codec::Events {
 public:
  explicit Peer(Http2Codec::Role role) : codec(Http2Codec::make(role, *this).value()) {}

  /// What is to be sent now.
  std::vector<std::uint8_t> say() {
    std::vector<std::uint8_t> said;
    while (true) {
      const Bytes next = codec->output();
      if (next.empty()) return said;
      said.insert(said.end(), next.begin(), next.end());
    }
  }

  void head_came(StreamId stream, Http2Fields /*head*/, Http2End end) override {
    last = stream;
    if (end == Http2End::kEndsHere) whole = true;
  }
  void trailers_came(StreamId /*stream*/, Http2Fields trailers) override { trailer_count = trailers.fields.size(); }
  void data_came(StreamId stream, Bytes data) override {
    body += as_text(data);
    codec->consumed(stream, data.size());
  }
  void body_ended(StreamId /*stream*/) override { whole = true; }
  void data_taken(StreamId /*stream*/) override { ++taken; }
  void end_sent(StreamId /*stream*/) override { ++ends_sent; }
  void malformed(StreamId /*stream*/) override { ++faults; }
  void stream_closed(StreamId /*stream*/, Http2Error error) override { closed = error; }

  std::unique_ptr<Http2Codec> codec;
  StreamId last = 0;
  std::string body;
  bool whole = false;
  std::size_t trailer_count = 0;
  int taken = 0;
  int ends_sent = 0;
  int faults = 0;
  std::optional<Http2Error> closed;
};

struct DataFrame {
  std::size_t size;
  bool ends;
  bool operator==(const DataFrame&) const = default;
};

/// The DATA frames among whole frames.
std::vector<DataFrame> data_frames(Bytes wire) {
  std::vector<DataFrame> found;
  while (wire.size() >= kFrameHead) {
    const std::size_t size = (std::size_t{wire[0]} << 16) | (std::size_t{wire[1]} << 8) | wire[2];
    if (wire[3] == kDataFrame) found.push_back({size, (wire[4] & kEndStream) != 0});
    wire = wire.subspan(kFrameHead + size);
  }
  return found;
}

/// A client and a server that have said hello to each other.
struct Http2Pair {
  Http2Pair() {
    for (int turn = 0; turn < 2; ++turn) pass();
  }
  /// Both say what they have; the client's DATA frames.
  std::vector<DataFrame> pass() {
    const auto asked = client.say();
    if (!asked.empty()) REQUIRE(server.codec->receive(asked));
    const auto answered = server.say();
    if (!answered.empty()) REQUIRE(client.codec->receive(answered));
    constexpr std::size_t kPreface = 24;  // RFC 9113 3.4
    const bool first = asked.size() >= kPreface && as_text(asked).starts_with("PRI ");
    return data_frames(Bytes(asked).subspan(first ? kPreface : 0));
  }
  StreamId post() {
    const auto stream = client.codec->request(
        {{":method", "POST"}, {":scheme", "https"}, {":authority", "ok.test"}, {":path", "/"}}, Http2End::kMoreFollows);
    REQUIRE(stream);
    return *stream;
  }

  Peer client{Http2Codec::Role::kClient};
  Peer server{Http2Codec::Role::kServer};
};

}  // namespace

TEST_CASE("end_of_a_body_goes_with_its_last_octets") {
  for (const std::size_t size : {1, 16'383, 16'384, 16'385, 65'535}) {
    CAPTURE(size);
    const std::string body(size, 'x');
    Http2Pair pair;
    pair.client.codec->offer(pair.post(), as_bytes(body), Http2End::kEndsHere);
    const auto frames = pair.pass();
    REQUIRE_FALSE(frames.empty());
    CHECK(frames.back().ends);
    CHECK(frames.back().size > 0);
    CHECK(pair.server.body == body);
    CHECK(pair.server.whole);
    CHECK(pair.client.taken == 1);
    CHECK(pair.client.ends_sent == 1);
  }
}

TEST_CASE("end_that_is_known_later_has_a_frame_of_its_own") {
  Http2Pair pair;
  const StreamId stream = pair.post();
  pair.client.codec->offer(stream, as_bytes("all of it"), Http2End::kMoreFollows);
  CHECK(pair.pass() == std::vector<DataFrame>{{9, false}});
  CHECK_FALSE(pair.server.whole);
  CHECK(pair.client.ends_sent == 0);
  pair.client.codec->end_body(stream, {});
  CHECK(pair.pass() == std::vector<DataFrame>{{0, true}});
  CHECK(pair.server.whole);
  CHECK(pair.client.ends_sent == 1);
}

TEST_CASE("end_waits_with_the_octets_that_flow_control_holds_back") {
  const std::string body(std::size_t{Http2Codec::kWindow} + 10, 'x');
  Http2Pair pair;
  pair.client.codec->offer(pair.post(), as_bytes(body), Http2End::kEndsHere);
  const auto first = data_frames(pair.client.say());
  REQUIRE_FALSE(first.empty());
  CHECK_FALSE(first.back().ends);
  CHECK(pair.client.taken == 0);
  CHECK(pair.client.ends_sent == 0);
}

TEST_CASE("body_that_is_withdrawn_never_looks_whole") {
  const std::string body(std::size_t{Http2Codec::kWindow} + 10, 'x');
  Http2Pair pair;
  const StreamId stream = pair.post();
  pair.client.codec->offer(stream, as_bytes(body), Http2End::kEndsHere);
  const auto said = pair.client.say();
  pair.client.codec->withdraw(stream);
  REQUIRE(pair.server.codec->receive(said));
  REQUIRE(pair.client.codec->receive(pair.server.say()));  // the windows open again
  for (int turn = 0; turn < 3; ++turn) CHECK(pair.pass().empty());
  CHECK(pair.server.body.size() == std::size_t{Http2Codec::kWindow});
  CHECK_FALSE(pair.server.whole);
  pair.client.codec->reset(stream, Http2Error::kCancel);
  pair.pass();
  CHECK_FALSE(pair.server.whole);
  CHECK(pair.server.closed == Http2Error::kCancel);
  CHECK(pair.client.ends_sent == 0);
}

TEST_CASE("answer_ends_with_its_trailers") {
  Http2Pair pair;
  const StreamId stream = pair.post();
  pair.pass();
  pair.server.codec->respond(stream, {{":status", "200"}}, Http2End::kMoreFollows);
  pair.server.codec->offer(stream, as_bytes("hi"), Http2End::kMoreFollows);
  pair.server.codec->end_body(stream, {{"x-sum", "a"}});
  pair.pass();
  CHECK(pair.client.body == "hi");
  CHECK(pair.client.trailer_count == 1);
  CHECK(pair.client.whole);
  CHECK(pair.client.faults == 0);
}
