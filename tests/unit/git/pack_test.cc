// Packs that git made (tests/fuzz/corpus/git_push: `git pack-objects --thin`, commits as deltas of each other), and
// packs made here that git would not make.
#include "git/pack.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <openssl/sha.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "git/commit.h"
#include "git/delta.h"
#include "git/history.h"
#include "git/push.h"

namespace enforcer::git::test {
namespace {

using Progress = PackReader::Progress;

std::string corpus(const std::string& name) {
  std::ifstream file(ENFORCER_SOURCE_DIR "/tests/fuzz/corpus/git_push/" + name, std::ios::binary);
  REQUIRE_MESSAGE(file, name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Told {
  std::vector<bool> shown;
  Progress progress = Progress::kNeedMore;
  std::size_t read = 0;  ///< octets of the pack, when all was shown
  friend bool operator==(const Told&, const Told&) = default;
};

/// What a push's pack shows of its commands, fed in pieces of this size.
Told told(const std::string& body, std::size_t piece = 1'000'000) {
  PushReader commands;
  auto outcome = commands.feed(as_bytes(body));
  REQUIRE(std::holds_alternative<Push>(outcome));
  const Push push = std::get<Push>(outcome);
  History history;
  for (const Command& command : push.commands) REQUIRE(history.ask(command.before, command.after));
  PackReader reader(push.commands.front().after.size(), history);
  Told all;
  Bytes rest = as_bytes(body).subspan(push.size);
  while (!rest.empty() && all.progress == Progress::kNeedMore && !history.all_shown()) {
    const Bytes arrived = rest.first(std::min(piece, rest.size()));
    rest = rest.subspan(arrived.size());
    all.read += arrived.size();
    all.progress = reader.feed(arrived);
  }
  for (std::size_t i = 0; i < push.commands.size(); ++i) all.shown.push_back(history.shown(i));
  return all;
}

std::string big_endian(std::uint32_t number) {
  std::string out;
  for (unsigned shift = 32; shift > 0; shift -= 8) out += static_cast<char>(number >> (shift - 8) & 0xff);
  return out;
}

std::string deflated(std::string_view content) {
  std::string out(compressBound(content.size()), '\0');
  uLongf size = out.size();
  REQUIRE(compress(reinterpret_cast<Bytef*>(out.data()), &size, as_bytes(content).data(), content.size()) == Z_OK);
  out.resize(size);
  return out;
}

std::string object(unsigned type, std::string_view content, const std::string& base = "") {
  std::string head;
  std::size_t size = content.size();
  auto octet = static_cast<unsigned>(type << 4 | (size & 0xf));
  for (size >>= 4; size > 0; size >>= 7) {
    head += static_cast<char>(octet | 0x80);
    octet = size & 0x7f;
  }
  head += static_cast<char>(octet);
  return head + base + deflated(content);
}

std::string pack(std::initializer_list<std::string> objects) {
  std::string all = "PACK" + big_endian(2) + big_endian(static_cast<std::uint32_t>(objects.size()));
  for (const std::string& one : objects) all += one;
  return all + std::string(20, 'x');
}

constexpr unsigned kCommit = 1;
constexpr unsigned kBlob = 3;
const std::string kTree = "tree " + std::string(40, 'a') + "\n";
const std::string kOld(40, '1');

std::string commit(std::initializer_list<std::string> parents, const std::string& message = "m") {
  std::string content = kTree;
  for (const std::string& parent : parents) content += "parent " + parent + "\n";
  return content + "author A <a@git.test> 0 +0000\ncommitter A <a@git.test> 0 +0000\n\n" + message;
}

/// By another way than ObjectId's.
std::string name_of(const std::string& content) {
  const std::string hashed = fmt::format("commit {}{}{}", content.size(), '\0', content);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(as_bytes(hashed).data(), hashed.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

ObjectId id(const std::string& text) {
  return *ObjectId::parse(text);
}

/// Whether a pack of these objects shows that the commit leads back to kOld.
Told shows(const std::string& content, const std::string& packed) {
  History history;
  history.ask(id(kOld), ObjectId::of_commit(content, ObjectId::kSha1));
  PackReader reader(ObjectId::kSha1, history);
  Told all;
  all.progress = reader.feed(as_bytes(packed));
  all.shown = {history.shown(0)};
  return all;
}

TEST_CASE("fast_forwards_that_git_packed_are_shown_however_they_are_cut") {
  for (const char* name : {"fast_forward_sha1_ofs", "fast_forward_sha1_ref", "fast_forward_sha256_ofs",
                           "fast_forward_sha256_ref", "merge"}) {
    CAPTURE(name);
    const std::string body = corpus(name);
    const Told whole = told(body);
    CHECK(whole.shown == std::vector<bool>(whole.shown.size(), true));
    for (const std::size_t piece : {1, 2, 3, 7, 64}) CHECK(told(body, piece).shown == whole.shown);
    const Told octets = told(body, 1);
    CHECK(octets.progress == Progress::kNeedMore);  // the commits stand in front
    CHECK(octets.read < body.size());
  }
}

TEST_CASE("what_git_packs_of_a_forced_push_shows_nothing") {
  for (const char* name : {"force", "force_back"}) {
    CAPTURE(name);
    const Told all = told(corpus(name));
    CHECK(all.shown == std::vector<bool>{false});
    CHECK(all.progress == Progress::kOver);
    CHECK(told(corpus(name), 1).shown == all.shown);
    CHECK(told(corpus(name), 1).progress == all.progress);
  }
}

TEST_CASE("a_pack_cut_off_shows_no_more_than_what_came") {
  const std::string body = corpus("fast_forward_sha1_ofs");
  const std::size_t needed = body.size() - (told(body).read - told(body, 1).read);
  CHECK(told(body.substr(0, needed)).shown == std::vector<bool>{true});
  for (std::size_t size = needed - 1; size + 300 > needed; --size) {
    const Told cut = told(body.substr(0, size));
    CHECK(cut.shown == std::vector<bool>{false});
    CHECK(cut.progress == Progress::kNeedMore);
  }
}

TEST_CASE("damage_ends_the_reading_and_shows_nothing") {
  const std::string body = corpus("fast_forward_sha1_ofs");
  const std::size_t from = body.find("PACK");
  std::size_t unreadable = 0;
  for (std::size_t at = from; at < from + 1070; ++at) {
    std::string damaged = body;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const Told all = told(damaged);
    CAPTURE(at);
    // The version and the count are not what names hash; everything else is.
    if (at < from + 4 || at >= from + 12) CHECK(all.shown == std::vector<bool>{false});
    unreadable += all.progress == Progress::kCannotRead ? 1 : 0;
  }
  CHECK(unreadable > 900);
}

TEST_CASE("a_parent_is_a_line_of_the_commit_s_head_only") {
  const std::string real = commit({kOld});
  CHECK(shows(real, pack({object(kCommit, real)})).shown == std::vector<bool>{true});
  for (const std::string& fake :
       {commit({}, "parent " + kOld + "\n"), kTree + "author A\nparent " + kOld + "\n\nm",
        "parent " + kOld + "\n" + kTree + "author A\n\nm", kTree + " parent " + kOld + "\nauthor A\n\nm",
        kTree + "parent  " + kOld + "\nauthor A\n\nm", kTree + "parent " + kOld + " \nauthor A\n\nm",
        kTree + "parent " + kOld, kTree + "parent " + kOld + "\n"}) {
    CAPTURE(fake);
    CHECK(shows(fake, pack({object(kCommit, fake)})).shown == std::vector<bool>{false});
  }
  CHECK(shows(real, pack({object(kBlob, real)})).shown == std::vector<bool>{false});
}

TEST_CASE("commits_in_any_order_show_the_same") {
  const std::string first = commit({std::string(40, '9'), kOld});
  const std::string second = commit({name_of(first)}, "second");
  const std::string third = commit({name_of(second)}, "third");
  const std::string a = object(kCommit, first);
  const std::string b = object(kCommit, second);
  const std::string c = object(kCommit, third);
  CHECK(shows(third, pack({c, b, a})).shown == std::vector<bool>{true});
  CHECK(shows(third, pack({a, b, c})).shown == std::vector<bool>{true});
  CHECK(shows(third, pack({b, object(kBlob, ""), c, a})).shown == std::vector<bool>{true});
  CHECK(shows(third, pack({c, a})) == Told{{false}, Progress::kOver, 0});
}

TEST_CASE("a_bomb_is_not_inflated_to_its_end") {
  const std::string zeros(PackReader::kMaxInflated / 2 + 1, '\0');
  const std::string bomb = object(kBlob, zeros);
  const std::string real = commit({kOld});
  CHECK(shows(real, pack({bomb, object(kCommit, real)})).shown == std::vector<bool>{true});
  CHECK(shows(real, pack({bomb, bomb, object(kCommit, real)})) == Told{{false}, Progress::kCannotRead, 0});
  const std::string large = commit({kOld}, std::string(PackReader::kMaxCommit, 'x'));
  CHECK(shows(large, pack({object(kCommit, large)})) == Told{{false}, Progress::kOver, 0});
}

TEST_CASE("what_is_no_pack_is_not_read") {
  const std::string real = commit({kOld});
  const std::string one = object(kCommit, real);
  const std::string head = "PACK" + big_endian(2) + big_endian(1);
  for (const std::string& bad :
       {std::string("PUCK") + head.substr(4) + one, "PACK" + big_endian(4) + big_endian(1) + one,
        head + object(0, real), head + object(5, real), head + one.substr(0, 2) + std::string(40, 'x'),
        head + std::string(20, '\xff')}) {
    CHECK(shows(real, bad) == Told{{false}, Progress::kCannotRead, 0});
  }
  // A size that is not the content's.
  std::string longer = object(kCommit, real + "x").substr(0, 2) + deflated(real);
  CHECK(shows(real, pack({longer})) == Told{{false}, Progress::kCannotRead, 0});
}

TEST_CASE("deltas_are_applied_as_written_or_not_at_all") {
  const std::string base = "0123456789";
  const auto apply = [&](std::string_view delta) { return apply_delta(base, as_bytes(delta), 100); };
  using namespace std::string_view_literals;
  CHECK(apply("\x0a\x05\x91\x02\x03\x02xy"sv) == "234xy");
  CHECK(apply("\x0a\x0a\x90\x0a"sv) == base);
  CHECK(apply("\x0a\x00"sv) == "");
  for (const std::string_view bad :
       {""sv, "\x0a"sv, "\x09\x05\x91\x02\x03\x02xy"sv, "\x0a\x06\x91\x02\x03\x02xy"sv, "\x0a\x04\x91\x02\x03\x02xy"sv,
        "\x0a\x05\x91\x02\x09\x02xy"sv, "\x0a\x05\x91\x0b\x03\x02xy"sv, "\x0a\x05\x91\x02\x03\x02x"sv,
        "\x0a\x05\x91\x02\x03\x00xy"sv, "\x0a\x05\x91\x02"sv, "\x0a\xff\x7f\x90\x0a"sv,
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv}) {
    CHECK_FALSE(apply(bad));
  }
  CHECK_FALSE(apply_delta(base, as_bytes("\x0a\x0a\x90\x0a"sv), 9));
  CHECK_FALSE(apply("\x0a\x05\x80"sv));  // a copy of 65,536 octets
}

TEST_CASE("history_is_bounded") {
  const auto number = [](std::uint32_t n) { return *ObjectId::from(as_bytes(big_endian(n) + std::string(16, 'n'))); };
  History history;
  for (std::size_t i = 0; i < History::kMaxQuestions; ++i) CHECK(history.ask(number(0), number(1)));
  CHECK_FALSE(history.ask(number(0), number(1)));
  std::uint32_t added = 1;
  while (history.add(number(added), {number(added + 1)})) ++added;
  CHECK(added < History::kMaxKnown / 2 + 2);
  CHECK(added * History::kMaxQuestions <= History::kMaxReached + 3 * History::kMaxQuestions);
  CHECK(history.held() > 0);
  CHECK_FALSE(history.all_shown());
  History one;
  CHECK(one.ask(number(7), number(7)));
  CHECK(one.all_shown());  // nothing changes
  History two;
  CHECK(two.ask(number(9), number(1)));
  CHECK(two.add(number(1), {number(2), number(3)}));
  CHECK(two.add(number(2), {number(1)}));  // no real history has a circle
  CHECK_FALSE(two.shown(0));
  CHECK(two.add(number(3), {number(9)}));
  CHECK(two.shown(0));
}

}  // namespace
}  // namespace enforcer::git::test
