// The scanner looks at eight octets at once; here stands one that looks at each.
#include "http/head_scanner.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace enforcer;
using enforcer::http::HeadScanner;
using enforcer::http::kMaxFields;
using enforcer::http::kMaxHead;
using ScanState = HeadScanner::State;

namespace {

struct Scan {
  ScanState state = ScanState::kMore;
  std::size_t size = 0;  ///< of a head that is complete
  std::string_view fault{};
  friend bool operator==(const Scan&, const Scan&) = default;
};

/// By the rules alone: lines end with CR LF and nothing else does, no control characters but tabs, no line begins with
/// a blank, the first is not empty.
Scan octet_by_octet(std::string_view text) {
  std::size_t lines = 0;
  std::string line;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (at == kMaxHead) return {ScanState::kTooLarge};
    const auto octet = static_cast<unsigned char>(text[at]);
    const bool line_end = octet == '\r' || octet == '\n';
    if ((octet < 0x20 && octet != '\t' && !line_end) || octet == 0x7f)
      return {ScanState::kMalformed, 0, "control character"};
    const bool after_cr = line.ends_with('\r');
    if (after_cr && octet != '\n') return {ScanState::kMalformed, 0, "bare CR"};
    if (!after_cr && octet == '\n') return {ScanState::kMalformed, 0, "bare LF"};
    if (line.empty() && (octet == ' ' || octet == '\t')) {
      return {ScanState::kMalformed, 0, lines > 0 ? "folded line" : "blank before the first line"};
    }
    line += text[at];
    if (octet != '\n') continue;
    if (line == "\r\n" && lines == 0) return {ScanState::kMalformed, 0, "empty line before the first line"};
    if (line == "\r\n") return {ScanState::kComplete, at + 1};
    if (++lines > kMaxFields + 1) return {ScanState::kTooLarge};
    line.clear();
  }
  return {};
}

/// As it comes in pieces of this size.
Scan in_pieces(std::string_view text, std::size_t piece) {
  HeadScanner scanner;
  ScanState state = ScanState::kMore;
  for (std::size_t end = 0; state == ScanState::kMore && end < text.size();) {
    end = std::min(text.size(), end + piece);
    state = scanner.scan(as_bytes(text.substr(0, end)));
  }
  return {state, state == ScanState::kComplete ? scanner.size() : 0,
          state == ScanState::kMalformed ? scanner.fault() : std::string_view()};
}

void agrees(std::string_view text) {
  CAPTURE(text);
  const Scan expected = octet_by_octet(text);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{8}, std::size_t{11}, text.size()}) {
    CAPTURE(piece);
    CHECK(in_pieces(text, std::max<std::size_t>(1, piece)) == expected);
  }
}

}  // namespace

TEST_CASE("eight_octets_at_once_say_what_each_says") {
  const std::string head =
      "GET /some/path?with=a%20query HTTP/1.1\r\nHost: a.test\r\nX-Long: \xc3\xa4\xff\x80 and so on\r\n\r\n";
  REQUIRE(octet_by_octet(head) == Scan{ScanState::kComplete, head.size()});
  agrees(head);
  agrees(head + "and a body\n");
  for (std::size_t at = 0; at < head.size(); ++at) {
    for (const char odd : {'\0', '\x01', '\t', '\n', '\r', '\x1f', ' ', '\x7e', '\x7f', '\x80', '\xff'}) {
      std::string other = head;
      other[at] = odd;
      agrees(other);
      agrees(std::string(head).insert(at, 1, odd));
    }
    agrees(head.substr(0, at));
  }
}

TEST_CASE("random_octets_are_judged_as_one_by_one") {
  std::mt19937 random(20260131);  // NOLINT(cert-msc51-cpp): the same each time
  const std::string_view kOctets("abcdefghijklmnop:/ \t\r\n\r\n\x01\x7f\x80\xfe", 28);
  for (int i = 0; i < 3000; ++i) {
    std::string text = "GET / HTTP/1.1\r\n";
    const std::size_t size = random() % 60;
    while (text.size() < 16 + size) text += random() % 6 != 0 ? 'x' : kOctets[random() % kOctets.size()];
    agrees(text);
  }
}

TEST_CASE("a_head_has_its_most_octets_wherever_the_blocks_lie") {
  for (std::size_t over = 0; over < 10; ++over) {
    // 23 octets stand around the x: it begins five below the limit.
    const std::string text = "GET / HTTP/1.1\r\nX: " + std::string(kMaxHead - 28 + over, 'x') + "\r\n\r\n";
    CAPTURE(text.size());
    const Scan expected = octet_by_octet(text);
    CHECK(expected.state == (text.size() <= kMaxHead ? ScanState::kComplete : ScanState::kTooLarge));
    CHECK(in_pieces(text, text.size()) == expected);
    CHECK(in_pieces(text, 4093) == expected);
  }
}
