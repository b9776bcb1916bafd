#include "audit/chain.h"

#include "scratch.h"

namespace enforcer::audit {
namespace {

std::string chained(std::uint64_t seq, const ChainHash& before, Hasher& hasher, Head* head = nullptr) {
  std::string line = R"({"schema_version":1,"seq":)" + std::to_string(seq) + R"(,"time":"t","type":"event")";
  const Head made = append_links(line, 0, seq, before, hasher);
  if (head != nullptr) *head = made;
  return line;
}

TEST_CASE("a_hash_is_sha256_in_base64url") {
  Hasher hasher;
  // FIPS 180-4's examples, as base64url of 32 octets: "", "abc".
  CHECK(hasher.hash("").text() == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
  CHECK(hasher.hash("abc").text() == "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
  CHECK(hasher.hash("abc") == hasher.hash("abc"));  // one context for all of them
  CHECK(ChainHash().text() == std::string(43, 'A'));
}

TEST_CASE("a_line_says_its_place_and_whether_it_is_what_was_written") {
  Hasher hasher;
  Head head;
  const std::string line = chained(7, hasher.hash("before"), hasher, &head);
  CHECK(nlohmann::json::accept(line));
  const auto link = parse_link(line, hasher);
  REQUIRE(link.has_value());
  CHECK(link->seq == 7);
  CHECK(link->prev == hasher.hash("before"));
  CHECK(link->head() == head);
  CHECK(link->content == Link::Content::kIntact);
  // Each octet of the line counts: what is changed is no link any more, or one that is known to be changed.
  for (std::size_t i = 0; i < line.size(); ++i) {
    std::string changed = line;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    CAPTURE(changed);
    const auto other = parse_link(changed, hasher);
    CHECK((!other || other->content == Link::Content::kChanged));
  }
}

TEST_CASE("what_is_no_link_is_none") {
  Hasher hasher;
  const std::string line = chained(1, ChainHash(), hasher);
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string(R"({"schema_version":1,"seq":1})"), line + " ", line + "\n",
        " " + line, line.substr(0, line.size() - 1), chained(0, ChainHash(), hasher),
        chained(kMaxSequence + 1, ChainHash(), hasher), std::string(500, '\0')}) {
    CAPTURE(text);
    CHECK_FALSE(parse_link(text, hasher).has_value());
  }
  CHECK(parse_link(chained(kMaxSequence, ChainHash(), hasher), hasher).has_value());
}

TEST_CASE("a_head_is_a_number_and_a_hash") {
  Hasher hasher;
  const Head head{12, hasher.hash("x")};
  CHECK(*Head::parse(head.to_string()) == head);
  for (const char* text :
       {"", "12", "12:", ":47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "12:47DEQpj8",
        "-1:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "12:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "99999999999999999999:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}) {
    CAPTURE(text);
    const auto refused = Head::parse(text);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::kInvalid);
  }
}

}  // namespace
}  // namespace enforcer::audit
