#include "git/push.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "git/ref_name.h"

namespace enforcer::git::test {
namespace {

const std::string kOne(40, '1');
const std::string kTwo(40, '2');
const std::string kZero(40, '0');
const std::string kCapabilities = std::string(1, '\0') + " report-status side-band-64k agent=git/2.39.5";

std::string packet(std::string_view content) {
  return fmt::format("{:04x}{}", content.size() + 4, content);
}
std::string command(const std::string& before, const std::string& after, const std::string& ref,
                    const std::string& behind = "") {
  return packet(before + " " + after + " " + ref + behind);
}

std::string kind(const Command& command) {
  return command.after.zero() ? "-" : command.before.zero() ? "*" : "";
}

/// "size: *refs/heads/new -refs/heads/old refs/heads/main", "more", or what is malformed.
std::string said(const PushReader::Outcome& outcome) {
  if (std::holds_alternative<PushReader::NeedMore>(outcome)) return "more";
  if (const auto* bad = std::get_if<PushReader::Malformed>(&outcome)) return std::string(bad->what);
  const auto& push = std::get<Push>(outcome);
  std::string text = fmt::format("{}:", push.size);
  for (const Command& one : push.commands) text += " " + kind(one) + one.ref;
  return text;
}

std::string read(std::string_view body) {
  PushReader reader;
  return said(reader.feed(as_bytes(body)));
}

TEST_CASE("commands_are_read_up_to_the_pack") {
  const std::string front = command(kOne, kTwo, "refs/heads/main", kCapabilities) +
                            command(kZero, kTwo, "refs/tags/v1") + command(kOne, kZero, "refs/heads/old\n") + "0000";
  CHECK(read(front + "PACK") == fmt::format("{}: refs/heads/main *refs/tags/v1 -refs/heads/old", front.size()));
  CHECK(read("0000") == "4:");
  CHECK(read(packet("shallow " + kOne) + packet("shallow " + kTwo + "\n") +
             command(kZero, kTwo, "refs/heads/a", kCapabilities) + "0000") ==
        fmt::format("{}: *refs/heads/a", 52 + 53 + 98 + kCapabilities.size() + 4));
}

TEST_CASE("a_push_cut_anywhere_is_read_the_same") {
  const std::string front = packet("shallow " + kOne) + command(kOne, kTwo, "refs/heads/main", kCapabilities) +
                            command(kZero, kTwo, "refs/tags/v1\n") + "0000";
  const std::string whole = front + "PACK and more";
  const std::string expected = read(whole);
  CHECK(expected == fmt::format("{}: refs/heads/main *refs/tags/v1", front.size()));
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    CAPTURE(cut);
    PushReader reader;
    const std::string first = said(reader.feed(as_bytes(whole).first(cut)));
    CHECK(first == (cut < front.size() ? "more" : expected));
    CHECK(said(reader.feed(as_bytes(whole).subspan(cut))) == (cut < front.size() ? expected : "fed again"));
  }
  PushReader reader;
  std::string last;
  for (const char& octet : front) last = said(reader.feed(as_bytes({&octet, 1})));
  CHECK(last == expected);
}

TEST_CASE("push_options_stand_between_the_commands_and_the_pack") {
  const std::string commands = command(kOne, kTwo, "refs/heads/a", kCapabilities + " push-options") + "0000";
  CHECK(read(commands) == "more");
  const std::string front = commands + packet("ci.skip") + packet("not a command") + "0000";
  CHECK(read(front + "PACK") == fmt::format("{}: refs/heads/a", front.size()));
  // Any command may say what the client can do, not only the first.
  CHECK(read(command(kOne, kTwo, "refs/heads/a") +
             command(kOne, kTwo, "refs/heads/b", std::string(1, '\0') + "push-options") + "0000") == "more");
  CHECK(read(command(kOne, kTwo, "refs/heads/a", std::string(1, '\0') + "no-push-options") + "0000") != "more");
}

TEST_CASE("ids_are_of_sha1_or_of_sha256_and_all_of_one") {
  const std::string long_one(64, 'a');
  CHECK(read(command(long_one, std::string(64, 'B'), "refs/heads/a") + "0000") == "150: refs/heads/a");
  CHECK(read(command(kOne, kTwo, "refs/heads/a") + command(long_one, long_one, "refs/heads/b")) ==
        "ids of different lengths");
  CHECK(read(command(kOne, long_one, "refs/heads/a")) == "ids of different lengths");
  CHECK(ObjectId::parse(std::string(40, 'a')) == ObjectId::parse(std::string(40, 'A')));
  CHECK_FALSE(ObjectId::parse(std::string(39, 'a')));
  CHECK_FALSE(ObjectId::parse(std::string(42, 'a')));
  CHECK_FALSE(ObjectId::parse(std::string(39, 'a') + "g"));
}

TEST_CASE("what_an_origin_could_read_otherwise_is_malformed") {
  struct Case {
    std::string body;
    const char* what;
  };
  for (const Case& c : {
           Case{"zzzz", "not a packet's length"},
           Case{"-001", "not a packet's length"},
           Case{"0x1f", "not a packet's length"},
           Case{"fff1", "not a packet's length"},
           Case{"0001", "a packet that has no place here"},
           Case{"0002", "a packet that has no place here"},
           Case{"0003", "a packet that has no place here"},
           Case{"0004", "a packet that has no place here"},
           Case{packet("\n"), "not a command"},
           Case{packet("ERR no"), "not a command"},
           Case{packet("shallow no"), "not the id of a shallow commit"},
           Case{packet("shallow " + kOne + " "), "not the id of a shallow commit"},
           Case{packet(kOne), "not a command"},
           Case{packet(kOne + " " + kTwo), "not a command"},
           Case{packet(kOne + "  " + kTwo + " refs/heads/a"), "not a command"},
           Case{packet(kOne + " " + kTwo + " "), "not the name of a ref"},
           Case{command(kOne, kTwo, "main"), "not the name of a ref"},
           Case{command(kOne, kTwo, "HEAD"), "not the name of a ref"},
           Case{command(kOne, kTwo, "refs/heads/a\n\n"), "not the name of a ref"},
           Case{command(kOne, kTwo, "refs/heads/../main"), "not the name of a ref"},
           Case{packet("push-cert" + kCapabilities), "a signed push"},
       }) {
    CAPTURE(c.body);
    CHECK(read(c.body) == c.what);
    PushReader reader;
    std::string last = "more";
    for (std::size_t i = 0; i < c.body.size() && last == "more"; ++i)
      last = said(reader.feed(as_bytes(c.body).subspan(i, 1)));
    CHECK(last == c.what);
    CHECK(said(reader.feed(as_bytes("0000"))) == "fed again");
  }
}

TEST_CASE("commands_are_bounded_in_number_and_length") {
  const std::string one = command(kOne, kTwo, "refs/heads/a");
  PushReader reader;
  for (std::size_t i = 0; i < PushReader::kMaxCommands; ++i) REQUIRE(said(reader.feed(as_bytes(one))) == "more");
  PushReader full = reader;
  CHECK(std::get<Push>(full.feed(as_bytes("0000"))).commands.size() == PushReader::kMaxCommands);
  CHECK(said(reader.feed(as_bytes(one))) == "too many commands");
  const std::string options = command(kOne, kTwo, "refs/heads/a", std::string(1, '\0') + "push-options") + "0000";
  PushReader endless;
  REQUIRE(said(endless.feed(as_bytes(options))) == "more");
  const std::string option = packet(std::string(60'000, 'x'));
  std::string last = "more";
  std::size_t sent = options.size();
  for (; last == "more"; sent += option.size()) last = said(endless.feed(as_bytes(option)));
  CHECK(last == "the commands are too long");
  CHECK(sent > PushReader::kMaxSize);
  CHECK(sent <= PushReader::kMaxSize + 2 * option.size());
  CHECK(read("fff0" + std::string(60'000, 'x')) == "more");  // 65,520 octets are what a packet may have
}

TEST_CASE("names_of_refs_are_those_that_git_takes") {
  for (const char* good : {"refs/heads/main", "refs/tags/v1.0", "refs/heads/agent/a-b_c+d", "refs/for/main",
                           "refs/heads/\xc3\xa9t\xc3\xa9", "refs/heads/a@b", "refs/heads/-a", "refs/x"}) {
    CAPTURE(good);
    CHECK(is_ref_name(good));
  }
  for (const char* bad : {"",
                          "refs",
                          "refs/",
                          "/refs/heads/a",
                          "heads/a",
                          "Refs/heads/a",
                          "refs//a",
                          "refs/heads/a/",
                          "refs/heads/.a",
                          "refs/heads/a.lock",
                          "refs/heads/a.lock/b",
                          "refs/heads/a..b",
                          "refs/heads/a.",
                          "refs/heads/a b",
                          "refs/heads/a~1",
                          "refs/heads/a^",
                          "refs/heads/a:b",
                          "refs/heads/a?",
                          "refs/heads/*",
                          "refs/heads/[a",
                          "refs/heads/a\\b",
                          "refs/heads/a@{1}",
                          "refs/heads/a\x7f",
                          "refs/heads/a\tb",
                          "refs/heads/a\x01"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_ref_name(bad));
  }
  CHECK(is_ref_name("refs/" + std::string(1019, 'a')));
  CHECK_FALSE(is_ref_name("refs/" + std::string(1020, 'a')));
}

}  // namespace
}  // namespace enforcer::git::test
