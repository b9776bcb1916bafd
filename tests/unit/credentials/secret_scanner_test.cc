// What an origin may echo, in every form and cut anywhere; and what only looks like it.
#include "credentials/secret_scanner.h"

#include "masking.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

constexpr std::string_view kToken = "ghp_Zk39qLm2Xw7Tn5Bv8RcY";
/// Every character that some encoder escapes, and none that begins an escape.
constexpr std::string_view kAwkward = "a/b+c=d<e>f\"g'h i~j:k@l,m";
/// Those, too.
constexpr std::string_view kPassword = "50%off&\\more/than+ever?";

std::string masked_in(std::string_view secret, std::string_view text) {
  return scan_every_way(needles_of({secret}), text).text;
}

/// The whole form is found: alone, between other text, and twice in a row; without its first octet it is not.
void check_found(std::string_view secret, std::string_view form) {
  CAPTURE(form);
  const auto needles = needles_of({secret});
  CHECK(scan_every_way(needles, form) == Scanned{stars(form.size()), 1});
  const std::string text = "{\"token\": \"" + std::string(form) + "\", \"next\": 1}";
  CHECK(scan_every_way(needles, text) == Scanned{"{\"token\": \"" + stars(form.size()) + "\", \"next\": 1}", 1});
  CHECK(scan_at(needles, std::string(form) + std::string(form), {form.size()}) == Scanned{stars(2 * form.size()), 2});
  const std::string_view rest = form.substr(1);
  CHECK(scan_at(needles, rest, {rest.size() / 2}) == Scanned{std::string(rest), 0});
}

}  // namespace

TEST_CASE("a_secret_is_masked_as_a_text") {
  check_found(kToken, kToken);
  check_found(kToken, each_as("%{:02x}", kToken));
  check_found(kToken, each_as("%{:02X}", kToken));
  check_found(kToken, each_as("\\u{:04x}", kToken));
  check_found(kToken, each_as("\\u{:04X}", kToken));
  check_found(kToken, each_as("&#{};", kToken));
  check_found(kToken, each_as("&#x{:X};", kToken));
}

TEST_CASE("what_is_escaped_differs_from_encoder_to_encoder") {
  check_found(kAwkward, kAwkward);
  check_found(kAwkward, "a%2Fb%2Bc%3Dd%3Ce%3Ef%22g%27h%20i~j%3Ak%40l%2Cm");  // RFC 3986 unreserved characters stay
  check_found(kAwkward, "a/b%2bc%3dd%3ce%3ef%22g'h+i%7ej:k@l,m");            // a form, with '/' kept
  check_found(kAwkward, R"(a\/b+c=d<e>f\"g'h i~j:k@l,m)");                   // JSON, as PHP has it
  check_found(kAwkward, R"(a/b+c=d\u003ce\u003ef\"g'h i~j:k@l,m)");          // as Go has it
  check_found(kAwkward, R"(a/b\u002Bc=d\u003Ce\u003Ef\u0022g\u0027h i~j:k@l,m)");  // as .NET has it
  check_found(kAwkward, "a/b+c=d&lt;e&gt;f&quot;g&#039;h i~j:k@l,m");
  check_found(kAwkward, "a/b+c=d&lt;e&gt;f&#34;g&#39;h i~j:k@l,m");
  check_found(kAwkward, "a&#x2F;b&#43;c&#x3d;d&LT;e&gt;f&quot;g&apos;h i~j:k@l,m");
}

TEST_CASE("a_secret_with_characters_that_begin_escapes_is_masked_plain_and_escaped") {
  check_found(kPassword, kPassword);
  check_found(kPassword, "50%25off%26%5cmore%2fthan%2Bever%3F");
  check_found(kPassword, "50%25off%26%5cmore/than%2Bever?");
  check_found(kPassword, R"(50%off&\\more\/than+ever?)");
  check_found(kPassword, R"(50%off\u0026\u005cmore/than\u002bever?)");
  check_found(kPassword, R"(50%off&amp;\more/than+ever?)");
}

TEST_CASE("a_secret_is_masked_in_hexadecimal_of_either_case") {
  check_found(kToken, each_as("{:02x}", kToken));
  check_found(kToken, each_as("{:02X}", kToken));
  std::string mixed = each_as("{:02x}", kToken);
  for (std::size_t i = 0; i < mixed.size(); i += 3) mixed[i] = static_cast<char>(std::toupper(mixed[i]));
  check_found(kToken, mixed);
}

TEST_CASE("a_secret_is_masked_in_base64_at_each_alignment_as_far_as_it_alone_determines_it") {
  // 24 octets: 32 characters; from the third of a group on, 31; from the second on, 31.
  CHECK(masked_in(kToken, in_base64(kToken)) == stars(32));
  const auto needles = needles_of({kToken});
  for (const std::string_view before : {"", "u", "us", "usr", "user", "user:", "x-access-token:"}) {
    for (const std::string_view behind : {"", "1", "12", "123"}) {
      CAPTURE(before);
      CAPTURE(behind);
      const std::string text = in_base64(std::string(before) + std::string(kToken) + std::string(behind));
      const std::size_t begin = (8 * before.size() + 5) / 6;
      const std::size_t end = 8 * (before.size() + kToken.size()) / 6;
      CHECK(scan_every_way(needles, "Basic " + text).text ==
            "Basic " + text.substr(0, begin) + stars(end - begin) + text.substr(end));
    }
  }
  // RFC 7617: the example of Basic, and the same with another password.
  CHECK(masked_in("open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == "Basic QWxhZGRpbjp**************Q==");
  CHECK(masked_in("open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2Fsc2U=") == "Basic QWxhZGRpbjpvcGVuIHNlc2Fsc2U=");
}

TEST_CASE("base64_is_masked_in_its_url_safe_alphabet_and_escaped_like_a_text") {
  const std::string secret = "\xfb\xff\xbe~~~\?\?\?>>>\xfa\xfe\xff";
  const std::string standard = in_base64(secret);
  REQUIRE(standard == "+/++fn5+Pz8/Pj4++v7/");
  check_found(secret, standard);
  check_found(secret, "-_--fn5-Pz8_Pj4--v7_");
  check_found(secret, "%2B%2f%2B%2Bfn5%2BPz8%2FPj4%2b%2Bv7%2F");
  check_found(secret, R"(+\/++fn5+Pz8\/Pj4++v7\/)");
}

TEST_CASE("what_comes_near_a_secret_stays") {
  const auto needles = needles_of({kToken, kAwkward});
  for (const std::string& text :
       {std::string(kToken.substr(0, 15)) + "-" + std::string(kToken.substr(16)), std::string(kToken.substr(0, 15)),
        std::string("GHP_ZK39QLM2XW7TN5BV8RCY"), in_base64(kToken.substr(0, 14)), in_base64("GHP_ZK39QLM2XW7TN5BV8RCY"),
        each_as("{:02x}", kToken.substr(0, 15)), each_as("{:02x}", "GHP_ZK39QLM2XW7TN5BV8RCY"),
        each_as("{:02x} ", kToken), std::string("a%2Fb%2Gc%3Dd%3Ce%3Ef%22g%27h"), std::string("a/b c=d<e>f\"g'h i"),
        std::string("\\u0067\\u0068\\u0071"), std::string("&amp&lt&gt"), std::string("%"), std::string("\\u00"),
        std::string("ghp_"), std::string(1000, 'g'), std::string("")}) {
    CAPTURE(text);
    CHECK(scan_every_way(needles, text) == Scanned{text, 0});
  }
}

TEST_CASE("a_secret_that_was_cut_off_behind_its_anchor_is_masked") {
  const auto needles = needles_of({kToken});
  for (std::size_t size = 1; size <= kToken.size(); ++size) {
    CAPTURE(size);
    const std::string cut(kToken.substr(0, size));
    const bool anchored = size >= Needles::kAnchor;
    CHECK(scan_every_way(needles, cut).text == (anchored ? stars(size) : cut));
    CHECK(scan_every_way(needles, "'" + cut + "' ...").text == "'" + (anchored ? stars(size) : cut) + "' ...");
    const std::string hex = each_as("{:02x}", cut);
    CHECK(scan_every_way(needles, hex).text == (anchored ? stars(hex.size()) : hex));
  }
}

TEST_CASE("several_secrets_and_forms_that_overlap_are_masked") {
  const std::string_view other = "Tn5Bv8RcY-and-then-some-more";  // begins inside the first
  const auto needles = needles_of({kToken, other});
  const std::string joined = std::string(kToken.substr(0, kToken.find(other.substr(0, 9)))) + std::string(other);
  CHECK(scan_every_way(needles, joined).text == stars(joined.size()));
  CHECK(scan_every_way(needles, joined).findings == 1);
  CHECK(scan_every_way(needles, "a " + std::string(kToken) + " b " + std::string(other) + " c") ==
        Scanned{"a " + stars(kToken.size()) + " b " + stars(other.size()) + " c", 2});
  // One that is periodic, and begins again where it seemed to go on.
  const std::string_view periodic = "abcabcabcabcabcabcabX";
  CHECK(masked_in(periodic, "abc" + std::string(periodic) + "abc") == stars(24) + "abc");
}

TEST_CASE("short_secrets_are_masked_as_a_whole") {
  CHECK(masked_in("s3cret!", "no s3cret? but s3cret! and s3cret%21") == "no s3cret? but ******* and *********");
  CHECK(masked_in("s3cret!", each_as("{:02X}", "s3cret!")) == stars(14));
  CHECK(masked_in("s3cret!", in_base64("s3cret!")) == stars(9) + in_base64("s3cret!").substr(9));
  CHECK(masked_in("abcd", in_base64("abcd") + " 61626364 abcd") == in_base64("abcd") + " ******** ****");
  CHECK(masked_in("abc", "616263 abc") == "616263 ***");
  CHECK(masked_in("ab", "a b ab aab %61b") == "a b ** a** ****");
  CHECK(masked_in("q", "quiet %71 Q") == "*uiet *** Q");
}

TEST_CASE("a_token_is_told_from_others_of_its_issuer_by_the_signature") {
  const std::string known = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0In0.";
  const std::string token = known + "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJVadQssw5c";
  const std::string other = known + "SflKxwRJSMeKKF3xvXkZ0ZbUkz4iUoNNOZ0Mo0mwzEw";
  CHECK(masked_in(token, "Bearer " + token) == "Bearer " + stars(token.size()));
  CHECK(masked_in(token, token.substr(0, known.size() + 16)) == stars(known.size() + 16));
  CHECK(masked_in(token, other) == other);
  CHECK(masked_in(token, in_base64(other)) == in_base64(other));
  CHECK(masked_in(token, in_base64(token + "1")).starts_with(stars(8 * token.size() / 6)));
  // No token: nothing in it is known to be public.
  CHECK(masked_in("eyJhbGciOiJIUzI1NiIsInR5cCI6", "eyJhbGciOiJIUzI1Ni") == stars(18));
}

TEST_CASE("nothing_waits_unless_it_could_begin_a_form") {
  SecretScanner scanner(needles_of({kToken}));
  const auto passes = [&](std::string_view text) { return as_text(scanner.feed(as_bytes(text))) == text; };
  CHECK(passes("data: {\"delta\": \"hello\"}\n\n"));
  CHECK(passes("data: [DONE]\n\n"));
  CHECK(passes("every ghost has an enigma"));
  CHECK_FALSE(passes("ghp_Zk39qLm2Xw7"));
}

TEST_CASE("what_waits_is_shorter_than_the_longest_anchor_and_is_passed_on_when_it_is_none") {
  SecretScanner scanner(needles_of({kToken}));
  CHECK(as_text(scanner.feed(as_bytes("a token: ghp_Zk39qLm2Xw7"))) == "a token: ");
  CHECK(scanner.held() == 15);
  CHECK(as_text(scanner.feed(as_bytes("ghp"))) == "ghp_Zk39qLm2Xw7");
  CHECK(scanner.held() == 3);
  CHECK(as_text(scanner.feed(as_bytes("_Zk39qLm2Xw7T"))) == stars(16));  // the anchor is there: nothing waits any more
  CHECK(scanner.held() == 0);
  CHECK(as_text(scanner.feed(as_bytes("n5Bv8"))) == stars(5));
  CHECK(as_text(scanner.feed(as_bytes("!RcY"))) == "!RcY");
  CHECK(scanner.findings() == 1);

  // The longest way to write an octet has six characters.
  std::string text;
  for (int i = 0; i < 50; ++i) text += each_as("\\u{:04x}", kToken) + each_as("&#x{:x};", kToken.substr(0, 15)) + "x";
  std::vector<std::size_t> cuts(text.size());
  for (std::size_t i = 0; i < cuts.size(); ++i) cuts[i] = i;
  const Scanned scanned = scan_at(needles_of({kToken}), text, cuts);
  CHECK(scanned.findings == 50);
  CHECK(scanned.most_held == Needles::kAnchor * 6 - 1);
}

TEST_CASE("one_scanner_serves_streams_one_after_the_other") {
  SecretScanner scanner(needles_of({kToken}));
  CHECK(scanner.feed(as_bytes("ghp_Zk39qLm2Xw7")).empty());
  CHECK(as_text(scanner.finish()) == "ghp_Zk39qLm2Xw7");
  CHECK(as_text(scanner.feed(as_bytes("Tn5Bv8RcY"))) == "Tn5Bv8RcY");  // no longer the same stream
  CHECK(as_text(scanner.feed(as_bytes(kToken.substr(0, 20)))) == stars(20));
  CHECK(scanner.finish().empty());
  CHECK(as_text(scanner.feed(as_bytes(kToken.substr(20)))) == kToken.substr(20));
  CHECK(scanner.findings() == 1);
}

TEST_CASE("secrets_that_cannot_be_searched_for_are_refused") {
  std::string longest;
  for (int i = 10'000; longest.size() < Secret::kMaxSize; ++i) longest += std::to_string(i) + ".-:";
  const std::string too_long = longest + "x";
  CHECK_FALSE(Needles::make({{std::string_view()}}).has_value());
  CHECK_FALSE(Needles::make({{std::string_view(too_long)}}).has_value());
  CHECK(scan_at(needles_of({longest}), longest, {5, 17, 40'000}).text == stars(longest.size()));
  CHECK(scan_every_way(needles_of({}), "no secrets") == Scanned{"no secrets", 0});
}
