// Secrets whose echo lacks its beginning, or is interrupted in the middle.
#include "masking.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

/// As AWS has them: the first 16 octets are the same in every session token.
constexpr std::string_view kSession =
    "IQoJb3JpZ2luX2VjEDoaCXVzLWVhc3QtMSJHMEUCIQDf8x/Kq7vT3nW5zR9yLpA2mB6cJ4hGsE1uXoNwQkVd0Ft"
    "YbIa7PrMgSlZiUeHj/CvBxD5qKfT8yWnO2mLzR4sGpQ6XtJk9EaVhNcUb3oIdFwMr1YgPuSl0ZxKe7TqBi==";

std::string masked_echo(std::string_view secret, std::string_view text) {
  return scan_every_way(needles_of({secret}), text).text;
}

std::string replaced(std::string_view text, std::string_view what, std::string_view instead) {
  std::string made(text);
  for (std::size_t at = 0; (at = made.find(what, at)) != std::string::npos; at += instead.size()) {
    made.replace(at, what.size(), instead);
  }
  return made;
}

std::string in_lines(std::string_view text, std::size_t width, std::string_view line_break) {
  std::string made;
  for (; text.size() > width; text.remove_prefix(width)) made += std::string(text.substr(0, width)).append(line_break);
  return made.append(text);
}

std::string quoted(std::string_view text) {
  return "{\"token\": \"" + std::string(text) + "\", \"next\": 1}";
}

/// All of it is masked, and nothing behind it.
void check_all_masked(std::string_view secret, std::string_view echo) {
  CAPTURE(echo);
  CHECK(masked_echo(secret, quoted(echo)) == quoted(stars(echo.size())));
}

}  // namespace

TEST_CASE("a_secret_is_masked_whatever_the_spelling_of_some_octets") {
  REQUIRE(kSession.contains('/'));
  check_all_masked(kSession, replaced(kSession, "/", "%252F"));
  check_all_masked(kSession, replaced(replaced(kSession, "/", "%252f"), "=", "%253D"));
  check_all_masked(kSession, each_as("%25{:02X}", kSession));
  check_all_masked(kSession, replaced(kSession, "/", "\\x2F"));
  check_all_masked(kSession, each_as("\\x{:02x}", kSession));
  check_all_masked(kSession, replaced(kSession, "/", "%25252F"));  // from here on, spellings that are not known
  check_all_masked(kSession, replaced(kSession, "/", "\\\\u002f"));
  check_all_masked(kSession, replaced(kSession, "/", "\\057"));
  check_all_masked(kSession, replaced(kSession, "/", "=2F"));
  check_all_masked(kSession, in_lines(kSession, 40, "\\n"));
  const std::string encoded = in_base64(kSession);
  check_all_masked(kSession, encoded.substr(0, 30) + replaced(encoded.substr(30), "M", "%25254D"));
}

TEST_CASE("a_secret_that_is_broken_into_lines_is_masked_and_its_lines_stay") {
  const std::string_view secret = kSession.substr(0, kSession.size() / 3 * 3);  // determines all of its base64
  for (const std::string_view line_break : {"\n", "\r\n", "\r", "\r\n\r\n"}) {
    for (const std::size_t width : {40, 64, 76}) {
      for (const std::string& echo : {std::string(secret), in_base64(secret), each_as("{:02x}", secret)}) {
        const std::string lines = in_lines(echo, width, line_break);
        CAPTURE(lines);
        CHECK(masked_echo(secret, quoted(lines)) == quoted(in_lines(stars(echo.size()), width, line_break)));
      }
    }
  }
}

TEST_CASE("what_stands_behind_an_interrupted_secret_stays") {
  const std::string cut(kSession.substr(0, 20));
  // Less than kLine characters that agree are chance.
  for (const std::string_view behind : {"\nNext: line", "\r\n\r\nand a text", "\nCzt", " next", "\"next", "'next",
                                        "<b>", "> next", ",next", "\tnext", "{next", "\n"}) {
    CAPTURE(behind);
    const std::string masked = masked_echo(kSession, cut + std::string(behind));
    CHECK(masked.substr(0, cut.size()) == stars(cut.size()));
    CHECK(masked.substr(cut.size()) == (behind == "\nCzt" ? "\n*zt" : behind));
  }
  // No further than the rest could go: 4 characters of 6 octets each.
  constexpr std::string_view kShort = "Zk39qLm2Xw7Tn5Bv8RcY";
  CHECK(masked_echo(kShort, std::string(kShort.substr(0, 16)) + std::string(40, '~')) ==
        stars(40) + std::string(16, '~'));
  // A whole secret ends what is masked, also one that was interrupted.
  CHECK(masked_echo(kShort, std::string(kShort) + "and-more") == stars(20) + "and-more");
  CHECK(masked_echo(kSession, std::string(kSession) + "and-more") == stars(kSession.size()) + "and-more");
  const std::string interrupted = replaced(kSession, "/", "%25252F");
  CHECK(masked_echo(kSession, interrupted + "and-more") == stars(interrupted.size()) + "and-more");
}

TEST_CASE("a_secret_that_was_cut_off_in_front_is_masked_from_the_next_window_on") {
  const auto needles = needles_of({kSession});
  for (std::size_t from = 1; from + Needles::kAnchor <= kSession.size(); ++from) {
    CAPTURE(from);
    const std::string rest(kSession.substr(from));
    const std::size_t next = (from + 15) / 16 * 16;
    const std::size_t window = std::min(next, kSession.size() - 16);  // the last is 16 octets in front of the end
    CHECK(scan_at(needles, quoted(rest), {rest.size() / 2}).text ==
          quoted(rest.substr(0, window - from) + stars(kSession.size() - window)));
    CHECK(scan_at(needles, each_as("%{:02x}", rest), {}).text ==
          each_as("%{:02x}", rest.substr(0, window - from)) + stars(3 * (kSession.size() - window)));
    CHECK(scan_at(needles, each_as("{:02x}", rest), {}).text ==
          each_as("{:02x}", rest.substr(0, window - from)) + stars(2 * (kSession.size() - window)));
  }
  const std::string encoded = in_base64(kSession);
  for (std::size_t from = 1; from + 44 < encoded.size(); ++from) {
    CAPTURE(from);
    const std::string masked = scan_at(needles, encoded.substr(from), {}).text;
    CHECK(masked.find('*') <= 20);
    CHECK(masked.find_first_not_of('*', masked.find('*')) >= masked.size() - 4);
  }
  // Any piece of 31 octets has a window in it, one of 15 has none.
  for (std::size_t from = 0; from + 31 <= kSession.size(); ++from) {
    CHECK(scan_at(needles, kSession.substr(from, 31), {}).findings == 1);
    CHECK(scan_at(needles, kSession.substr(from, 15), {}).findings == 0);
  }
  // As many octets as a secret without windows has.
  const std::string_view whole = kSession.substr(0, Needles::kWhole);
  CHECK(masked_echo(whole, whole.substr(1)) == whole.substr(1));
}

TEST_CASE("what_interrupts_a_secret_is_passed_over") {
  const std::string first(kSession.substr(0, 50));
  const std::string second(kSession.substr(50));  // the next window begins with octet 64
  CHECK(masked_echo(kSession, first + " " + second) ==
        stars(50) + " " + second.substr(0, 14) + stars(second.size() - 14));
  CHECK(masked_echo(kSession, first + "\\\n  " + second) ==
        stars(51) + "\n  " + second.substr(0, 14) + stars(second.size() - 14));
}

TEST_CASE("filling_inside_a_secret_is_not_searched_for") {
  const std::string secret = "Zk39qLm2Xw7Tn5Bv8RcYpQ" + std::string(60, 'A') + "ggMBAAGjUzBRMB0Gmb2WQx";
  CHECK(masked_echo(secret, secret) == stars(secret.size()));
  CHECK(masked_echo(secret, secret.substr(60)) == std::string(20, 'A') + stars(24));
  CHECK(masked_echo(secret, std::string(200, 'A')) == std::string(200, 'A'));
  CHECK(masked_echo(secret, each_as("{:02x}", std::string(200, 'A'))) == each_as("{:02x}", std::string(200, 'A')));
}

TEST_CASE("the_signature_of_a_token_is_masked_alone_and_what_is_in_front_of_it_is_not") {
  const std::string known = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0In0.";
  const std::string signature = "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJVadQssw5c";
  const std::string token = known + signature;
  CHECK(masked_echo(token, quoted(signature)) == quoted(stars(signature.size())));
  CHECK(masked_echo(token, each_as("{:02x}", signature)) == stars(2 * signature.size()));
  CHECK(masked_echo(token, in_base64(signature)) == stars(in_base64(signature).size()));
  CHECK(masked_echo(token, quoted(signature.substr(3))) == quoted(signature.substr(3, 13) + stars(26)));
  CHECK(masked_echo(token, quoted(token)) == quoted(stars(token.size())));
  for (const std::string& in_front : {known, known + signature.substr(0, 15), "Bearer " + known.substr(10)}) {
    CHECK(masked_echo(token, in_front) == in_front);
    CHECK(masked_echo(token, in_base64(in_front)) == in_base64(in_front));
  }
  // A last part that is too short to be one is searched for with the rest only.
  CHECK(masked_echo("eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.none", "none at all") == "none at all");
}

TEST_CASE("windows_of_a_long_secret_are_spread_over_it") {
  std::string secret;
  for (unsigned i = 0; secret.size() < Secret::kMaxSize; ++i) secret += fmt::format("{:08x}~", i * 2654435761U);
  secret.resize(Secret::kMaxSize);
  const auto needles = needles_of({secret});
  for (const std::size_t from : {1U, 5'000U, 33'333U, 60'000U}) {
    CHECK(scan_at(needles, std::string_view(secret).substr(from, 1024), {500}).findings == 1);
  }
  CHECK(scan_at(needles, std::string_view(secret).substr(secret.size() - 16), {}).text == stars(16));
  CHECK(scan_at(needles, secret, {1'000, 40'000}) == Scanned{stars(secret.size()), 1});
}

TEST_CASE("inside_an_echo_only_what_may_begin_another_form_waits") {
  SecretScanner scanner(needles_of({kSession}));
  CHECK(as_text(scanner.feed(as_bytes(kSession.substr(0, 40)))) == stars(40));
  CHECK(as_text(scanner.feed(as_bytes("%25252~"))) == stars(7));  // a tail
  CHECK(as_text(scanner.feed(as_bytes(" the\n"))) == " the\n");
  CHECK(as_text(scanner.feed(as_bytes(kSession.substr(0, 70)))) == stars(69));
  CHECK(scanner.held() == 1);  // a letter with which a window begins
  CHECK(as_text(scanner.feed(as_bytes("\n"))) == "*\n");
  CHECK(as_text(scanner.feed(as_bytes(kSession.substr(70)))) == stars(kSession.size() - 70));
  CHECK(as_text(scanner.feed(as_bytes("the"))) == "the");
  CHECK(as_text(scanner.feed(as_bytes(kSession.substr(16, 15)))).empty());  // less than the anchor of a window
  CHECK(scanner.held() == 15);
  CHECK(as_text(scanner.finish()) == kSession.substr(16, 15));
}
