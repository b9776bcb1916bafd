// What an origin echoes through a WebSocket: frames keep their heads, lengths and order, whatever is masked in them.
#include "credentials/websocket_scanner.h"

#include "masking.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

constexpr std::string_view kKey = "sk-Zk39qLm2Xw7Tn5Bv8RcY";

enum Opcode : unsigned { kMore = 0x00, kText = 0x01, kBytes = 0x02, kClosing = 0x88, kPing = 0x89, kPongs = 0x8a };
constexpr unsigned kEnd = 0x80;

std::string frame(unsigned first, std::string_view payload) {
  std::string made(1, static_cast<char>(first));
  const auto append = [&](std::size_t octets) {
    while (octets-- > 0) made += static_cast<char>(payload.size() >> 8 * octets);
  };
  if (payload.size() < 126) {
    append(1);
  } else {
    made += static_cast<char>(payload.size() < 0x10000 ? 126 : 127);
    append(payload.size() < 0x10000 ? 2 : 8);
  }
  return made.append(payload);
}

std::string pass(std::string_view wire, const std::vector<std::size_t>& cuts, std::uint64_t* findings = nullptr) {
  static const SharedNeedles needles = needles_of({kKey});
  WebsocketScanner scanner(needles);
  std::string passed;
  std::size_t from = 0;
  const auto feed = [&](std::size_t to) {
    const auto out = scanner.feed(as_bytes(wire.substr(from, to - from)));
    if (!out) return false;
    passed += as_text(*out);
    from = to;
    return true;
  };
  for (const std::size_t cut : cuts) {
    if (!feed(cut)) return "refused";
  }
  if (!feed(wire.size())) return "refused";
  if (findings != nullptr) *findings = scanner.findings();
  return passed.append(as_text(scanner.finish()));
}

/// In one piece, octet by octet, and cut in two anywhere; the middle of what is long is one piece.
void check_passes_as(std::string_view wire, std::string_view expected, std::uint64_t findings) {
  constexpr std::size_t kEdge = 100;
  std::uint64_t found = 0;
  CHECK(pass(wire, {}, &found) == expected);
  CHECK(found == findings);
  std::vector<std::size_t> everywhere;
  for (std::size_t cut = 0; cut < wire.size(); ++cut) {
    const bool in_the_middle = cut > kEdge && wire.size() - cut > kEdge;
    if (in_the_middle) continue;
    everywhere.push_back(cut);
    if (wire.size() <= 2 * kEdge && pass(wire, {cut}) != expected) FAIL_CHECK("cut at " << cut);
  }
  CHECK(pass(wire, everywhere, &found) == expected);
  CHECK(found == findings);
}

bool refused(std::string_view wire) {
  std::vector<std::size_t> everywhere;
  for (std::size_t cut = 0; cut < wire.size(); ++cut) everywhere.push_back(cut);
  const bool whole = pass(wire, {}) == "refused";
  CHECK((pass(wire, everywhere) == "refused") == whole);
  return whole;
}

std::string around(std::string_view middle) {
  return "{\"key\":\"" + std::string(middle) + "\"}";
}

}  // namespace

TEST_CASE("a_secret_in_one_frame_is_masked_and_the_frame_stays") {
  const std::string stars_of_key = stars(kKey.size());
  check_passes_as(frame(kText | kEnd, around(kKey)), frame(kText | kEnd, around(stars_of_key)), 1);
  check_passes_as(frame(kBytes | kEnd, kKey), frame(kBytes | kEnd, stars_of_key), 1);
  check_passes_as(frame(kPing, kKey), frame(kPing, stars_of_key), 1);
  check_passes_as(frame(kPongs, kKey), frame(kPongs, stars_of_key), 1);
  check_passes_as(frame(kClosing, "\x03\xe8" + std::string(kKey)), frame(kClosing, "\x03\xe8" + stars_of_key), 1);
  for (const std::string& untouched :
       {frame(kText | kEnd, around("sk-another")), frame(kText | kEnd, ""), frame(kPing, ""), std::string()}) {
    check_passes_as(untouched, untouched, 0);
  }
}

TEST_CASE("each_way_to_write_a_length_is_read") {
  for (const std::size_t size : {0U, 1U, 102U, 103U, 1000U, 65'512U, 65'513U, 70'000U}) {
    CAPTURE(size);
    const std::string filler(size, 'x');
    check_passes_as(frame(kText | kEnd, filler + std::string(kKey)) + frame(kText | kEnd, "next"),
                    frame(kText | kEnd, filler + stars(kKey.size())) + frame(kText | kEnd, "next"), 1);
  }
}

TEST_CASE("a_secret_across_fragments_is_masked") {
  for (std::size_t cut = 0; cut <= kKey.size(); ++cut) {
    CAPTURE(cut);
    const std::string_view a = kKey.substr(0, cut);
    const std::string_view b = kKey.substr(cut);
    check_passes_as(frame(kText, a) + frame(kMore, "") + frame(kMore | kEnd, b),
                    frame(kText, stars(a.size())) + frame(kMore, "") + frame(kMore | kEnd, stars(b.size())), 1);
  }
  std::string wire;
  std::string expected;
  for (std::size_t i = 0; i < kKey.size(); ++i) {
    const unsigned first = (i == 0 ? kText : kMore) | (i + 1 == kKey.size() ? kEnd : 0);
    wire += frame(first, kKey.substr(i, 1));
    expected += frame(first, "*");
  }
  check_passes_as(wire, expected, 1);
}

TEST_CASE("control_frames_between_fragments_are_no_part_of_the_message") {
  const std::string_view a = kKey.substr(0, 9);
  const std::string_view b = kKey.substr(9);
  check_passes_as(frame(kText, a) + frame(kPing, "are you there?") + frame(kPing, "") + frame(kPongs, kKey) +
                      frame(kMore | kEnd, b),
                  frame(kText, stars(a.size())) + frame(kPing, "are you there?") + frame(kPing, "") +
                      frame(kPongs, stars(kKey.size())) + frame(kMore | kEnd, stars(b.size())),
                  2);
  // What a ping holds is not what goes on behind it.
  const std::string apart = frame(kText, a) + frame(kPing, b) + frame(kMore | kEnd, "no more");
  check_passes_as(apart, apart, 0);
}

TEST_CASE("messages_are_scanned_apart_from_each_other") {
  const std::string apart = frame(kText | kEnd, kKey.substr(0, 9)) + frame(kText | kEnd, kKey.substr(9));
  check_passes_as(apart, apart, 0);
}

TEST_CASE("a_message_that_has_ended_waits_for_nothing") {
  WebsocketScanner scanner(needles_of({kKey}));
  const auto passes = [&](const std::string& wire) { return as_text(scanner.feed(as_bytes(wire)).value()) == wire; };
  CHECK(passes(frame(kText | kEnd, kKey.substr(0, 15))));
  CHECK(passes(frame(kPing, kKey.substr(0, 15))));
  CHECK(passes(frame(kText, "a fragment")));
  CHECK(passes(frame(kPing, "")));
  CHECK(passes(frame(kMore | kEnd, "ends with s")));
  CHECK_FALSE(passes(frame(kText, "ends with s")));
}

TEST_CASE("frames_wait_in_order_behind_a_fragment_that_waits_and_not_without_end") {
  WebsocketScanner scanner(needles_of({kKey}));
  const std::string ping = frame(kPing, std::string(98, 'p'));
  const auto feed = [&](const std::string& wire) { return std::string(as_text(scanner.feed(as_bytes(wire)).value())); };
  CHECK(feed(frame(kText, "hm s")) == frame(kText, "hm s").substr(0, 5));
  CHECK(feed(ping).empty());
  CHECK(feed(frame(kMore, "o")) == "s" + ping + frame(kMore, "o"));

  CHECK(feed(frame(kMore, "sk-")) == frame(kMore, "sk-").substr(0, 2));
  for (std::size_t i = 1; i <= WebsocketScanner::kMaxWaiting / 100; ++i) CHECK(feed(ping).empty());
  CHECK_FALSE(scanner.feed(as_bytes(ping)).has_value());
  CHECK_FALSE(scanner.feed(as_bytes(frame(kMore | kEnd, "x"))).has_value());
}

TEST_CASE("what_no_server_may_send_is_refused") {
  CHECK(refused(std::string("\x81\x84\0\0\0\0text", 10)));  // masked
  for (const unsigned reserved : {0x40U, 0x20U, 0x10U}) CHECK(refused(frame(kText | kEnd | reserved, "x")));
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) CHECK(refused(frame(opcode | kEnd, "x")));
  CHECK(refused(frame(kPing & ~kEnd, "x")));
  CHECK(refused(frame(kPing, std::string(126, 'x'))));
  CHECK_FALSE(refused(frame(kPing, std::string(125, 'x'))));
  CHECK(refused(frame(kMore | kEnd, "x")));
  CHECK(refused(frame(kText, "x") + frame(kText | kEnd, "x")));
  CHECK(refused(frame(kText | kEnd, "x") + frame(kMore | kEnd, "x")));
  CHECK_FALSE(refused(frame(kText, "x") + frame(kPing, "") + frame(kMore | kEnd, "x") + frame(kBytes | kEnd, "x")));
  CHECK(refused(std::string("\x82\x7e\x00\x7d", 4)));
  CHECK_FALSE(refused(std::string("\x82\x7e\x00\x7e", 4)));
  CHECK(refused(std::string("\x82\x7f\0\0\0\0\0\0\xff\xff", 10)));
  CHECK_FALSE(refused(std::string("\x82\x7f\0\0\0\0\0\1\0\0", 10)));
  CHECK(refused(std::string("\x82\x7f\x80\0\0\0\0\1\0\0", 10)));
  CHECK_FALSE(refused(std::string("\x82\x7f\x7f\0\0\0\0\1\0\0", 10)));
}

TEST_CASE("what_a_connection_leaves_behind_is_scanned_as_well") {
  const std::string whole = frame(kText | kEnd, std::string(kKey) + std::string(kKey));
  const std::string masked = frame(kText | kEnd, stars(2 * kKey.size()));
  for (std::size_t size = 0; size < 2 + kKey.size(); ++size) {
    const bool anchored = size >= 2 + Needles::kAnchor;
    CHECK(pass(whole.substr(0, size), {}) == (anchored ? masked : whole).substr(0, size));
  }
  CHECK(pass(frame(kPing, std::string(kKey) + "--").substr(0, 2 + kKey.size()), {}).ends_with(stars(kKey.size())));
}
