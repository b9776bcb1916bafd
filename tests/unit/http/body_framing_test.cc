#include "http/body_framing.h"

#include <doctest/doctest.h>

#include <string>

using namespace enforcer;
using namespace enforcer::http;

namespace {

using Kind = BodyFraming::Kind;
using State = BodyReader::State;

struct Read {
  State state;
  std::size_t consumed;
  friend bool operator==(const Read&, const Read&) = default;
};

Read read_in(const BodyFraming& framing, std::string_view wire, std::size_t segment,
             BodyReader::Extras extras = BodyReader::Extras::kRefused, std::string* data = nullptr) {
  BodyReader reader(framing, extras);
  std::size_t consumed = 0;
  auto progress = reader.next({});
  while (progress.state == State::kMore && consumed < wire.size()) {
    progress = reader.next(as_bytes(wire.substr(consumed, segment)));
    consumed += progress.consumed;
    if (data != nullptr) *data += as_text(progress.data);
  }
  CHECK(reader.fault().empty() == (progress.state != State::kMalformed));
  return {progress.state, consumed};
}

State chunked(std::string_view wire) {
  const Read whole = read_in({Kind::kChunked}, wire, wire.size());
  CHECK(read_in({Kind::kChunked}, wire, 1) == whole);
  return whole.state;
}

const std::string kNext = "GET / HTTP/1.1\r\n";

}  // namespace

TEST_CASE("finds_the_next_request_behind_a_body") {
  const std::string chunks = "5\r\nhello\r\n1A\r\n" + std::string(26, 'x') + "\r\n0\r\n\r\n";
  for (const std::size_t segment : {1, 3, 1000}) {
    CHECK(read_in({Kind::kNone}, kNext, segment) == Read{State::kComplete, 0});
    CHECK(read_in({Kind::kLength, 0}, kNext, segment) == Read{State::kComplete, 0});
    CHECK(read_in({Kind::kLength, 5}, "hello" + kNext, segment) == Read{State::kComplete, 5});
    CHECK(read_in({Kind::kChunked}, chunks + kNext, segment) == Read{State::kComplete, chunks.size()});
    CHECK(read_in({Kind::kChunked}, "0\r\n\r\n" + kNext, segment) == Read{State::kComplete, 5});
  }
}

TEST_CASE("an_incomplete_body_asks_for_more") {
  CHECK(read_in({Kind::kLength, 6}, "hello", 9) == Read{State::kMore, 5});
  for (const char* wire : {"5", "5\r", "5\r\n", "5\r\nhel", "5\r\nhello", "5\r\nhello\r", "0\r\n", "0\r\n\r"}) {
    CHECK(chunked(wire) == State::kMore);
  }
}

TEST_CASE("invariant_7_refuses_chunks_that_parsers_disagree_about") {
  for (const char* wire : {"5;x\r\nhello\r\n0\r\n\r\n",
                           "5 \r\nhello\r\n0\r\n\r\n",
                           " 5\r\nhello\r\n0\r\n\r\n",
                           "0x5\r\nhello\r\n0\r\n\r\n",
                           "+5\r\nhello\r\n0\r\n\r\n",
                           "-1\r\n",
                           "\r\n",
                           "\n",
                           "5\nhello\r\n0\r\n\r\n",
                           "5\rhello",
                           "5\r\nhello0\r\n\r\n",
                           "5\r\nhello\n0\r\n\r\n",
                           "5\r\nhello\rx",
                           "0000000000000001\r\nx\r\n",
                           "8000000000000000\r\nx",
                           "g\r\n",
                           "0\r\nAuthorization: x\r\n\r\n",
                           "0\r\n\n",
                           "0\r\n\rx",
                           "0;ext\n\r\n"}) {
    CAPTURE(wire);
    CHECK(chunked(wire) == State::kMalformed);
  }
  CHECK(chunked("000000000000005\r\nhello\r\n000\r\n\r\n") == State::kComplete);
}

TEST_CASE("a_chunk_of_the_largest_size_does_not_overflow") {
  CHECK(chunked("fffffffffffffff\r\nx") == State::kMore);
}

TEST_CASE("the_data_is_taken_out_of_its_frame") {
  for (const std::size_t segment : {1, 2, 5, 1000}) {
    std::string data;
    read_in({Kind::kChunked}, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET", segment, BodyReader::Extras::kRefused,
            &data);
    CHECK(data == "hello world");
    data.clear();
    read_in({Kind::kLength, 5}, "hello world", segment, BodyReader::Extras::kRefused, &data);
    CHECK(data == "hello");
    data.clear();
    CHECK(read_in({Kind::kUntilClose}, "hello", segment, BodyReader::Extras::kRefused, &data) == Read{State::kMore, 5});
    CHECK(data == "hello");
  }
}

TEST_CASE("an_origins_extensions_and_trailers_are_dropped") {
  const std::string wire = "5;a=\"b\" ; c\r\nhello\r\n1 \r\n!\r\n0;last\r\nExpires: now\r\nX: y\r\n\r\n";
  for (const std::size_t segment : {1, 3, 1000}) {
    std::string data;
    CHECK(read_in({Kind::kChunked}, wire + kNext, segment, BodyReader::Extras::kDropped, &data) ==
          Read{State::kComplete, wire.size()});
    CHECK(data == "hello!");
    CHECK(read_in({Kind::kChunked}, wire, segment).state == State::kMalformed);  // from a guest: refused
  }
  const std::string long_text(20'000, 'x');
  for (const std::string& bad :
       {"5;a\nhello\r\n0\r\n\r\n", "5;a\rhello", "0\r\nX: y\n\r\n", "0\r\nX\ry", ";x\r\n", "0\r\nX: \x01\r\n\r\n"}) {
    CAPTURE(bad);
    CHECK(read_in({Kind::kChunked}, bad, 1000, BodyReader::Extras::kDropped).state == State::kMalformed);
  }
  CHECK(read_in({Kind::kChunked}, "5;" + long_text, 1000, BodyReader::Extras::kDropped).state == State::kMalformed);
  CHECK(read_in({Kind::kChunked}, "0\r\n" + long_text, 1000, BodyReader::Extras::kDropped).state == State::kMalformed);
}

TEST_CASE("chunks_that_are_written_read_back") {
  std::vector<std::uint8_t> wire;
  append_chunk(wire, as_bytes("hello"));
  append_chunk(wire, {});  // would be the last one
  append_chunk(wire, as_bytes(std::string(300, 'x')));
  std::string text(as_text(wire));
  text += kLastChunk;
  std::string data;
  CHECK(read_in({Kind::kChunked}, text, 1000, BodyReader::Extras::kRefused, &data) ==
        Read{State::kComplete, text.size()});
  CHECK(data == "hello" + std::string(300, 'x'));
}
