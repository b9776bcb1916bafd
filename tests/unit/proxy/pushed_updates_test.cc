#include "proxy/pushed_updates.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <sstream>

#include "proxy/guest.h"

namespace asio = boost::asio;
using namespace enforcer;
using namespace enforcer::proxy;

namespace {

using policy::GitInterest;
using Kind = policy::GitCall::Update::Kind;

/// A body of these parts, and how it ends.
class Parts final : public BodySource {
 public:
  Parts(std::string_view body, std::size_t piece, BodyPart::Kind end = BodyPart::Kind::kEnd)
      : body_(body), piece_(piece), end_(end) {}

  asio::awaitable<BodyPart> read_body() override {
    if (at_ == body_.size()) co_return BodyPart{.kind = end_};
    const std::size_t size = std::min(piece_, body_.size() - at_);
    const Bytes data = as_bytes(body_).subspan(at_, size);
    at_ += size;
    co_return BodyPart{.kind = BodyPart::Kind::kData, .data = data};
  }
  [[nodiscard]] std::size_t read() const { return at_; }

 private:
  std::string body_;
  std::size_t piece_;
  BodyPart::Kind end_;
  std::size_t at_ = 0;
};

Guest pushing_guest() {
  return {{.name = *GuestName::parse("pusher"),
           .ipv4 = *IpAddress::parse("192.0.2.1"),
           .ipv6 = *IpAddress::parse("2001:db8::1")},
          config::Limits{},
          nullptr,
          nullptr};
}

/// Runs it, which waits for nothing.
template <class T>
T result_of(asio::awaitable<T> running) {
  asio::io_context io;
  std::optional<T> result;
  asio::co_spawn(io, std::move(running), [&](const std::exception_ptr& thrown, T value) {
    REQUIRE(thrown == nullptr);
    result = std::move(value);
  });
  io.run();
  return *std::move(result);
}

/// The rest of a body, with how it ends: "octets|end".
std::string rest_of(BodySource& body) {
  std::string text;
  while (true) {
    const BodyPart part = result_of(body.read_body());
    if (part.kind == BodyPart::Kind::kEnd) return text + "|end";
    if (part.kind == BodyPart::Kind::kMalformed) return text + "|malformed";
    if (part.kind == BodyPart::Kind::kBroken) return text + "|broken";
    text += as_text(part.data);
  }
}

std::string captured_push(const std::string& name) {
  std::ifstream file(ENFORCER_SOURCE_DIR "/tests/fuzz/corpus/git_push/" + name, std::ios::binary);
  REQUIRE_MESSAGE(file, name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string letter(Kind kind) {
  switch (kind) {
    case Kind::kCreate:
      return "*";
    case Kind::kFastForward:
      return "=";
    case Kind::kForce:
      return "+";
    case Kind::kUpdate:
      return "?";
    case Kind::kDelete:
      return "-";
  }
  return "";
}

/// "=refs/heads/main", and what the origin would get is checked to be what the guest sent.
std::string told(const std::string& push, GitInterest interest, std::size_t piece = 100) {
  Guest guest = pushing_guest();
  Parts parts(push, piece);
  PrefixedBody body(parts, guest);
  std::string text;
  {
    PushedUpdates pushed(body, guest);
    if (result_of(pushed.read(interest)) != PushedUpdates::Came::kEnough) return "broken";
    const auto updates = pushed.take();
    if (!updates) text = "cannot tell";
    for (const auto& update : updates.value_or(std::vector<policy::GitCall::Update>())) {
      text += (text.empty() ? "" : " ") + letter(update.kind) + update.ref;
    }
  }
  CHECK(rest_of(body) == push + "|end");
  CHECK(guest.hold_body(Guest::kMaxHeldBodies));  // nothing of it is held any more
  return text;
}

TEST_CASE("updates_are_told_by_the_front_of_a_push_and_all_of_it_goes_on") {
  for (const std::size_t piece : {1, 7, 100, 1'000'000}) {
    CAPTURE(piece);
    CHECK(told(captured_push("delete_sha1"), GitInterest::kCall, piece) == "-refs/heads/main");
    CHECK(told(captured_push("options"), GitInterest::kForce, piece) == "*refs/heads/a -refs/heads/b");
    CHECK(told(captured_push("force"), GitInterest::kCall, piece) == "?refs/heads/main");
    CHECK(told(captured_push("force"), GitInterest::kForce, piece) == "+refs/heads/main");
    CHECK(told(captured_push("force_back"), GitInterest::kForce, piece) == "+refs/heads/main");
    CHECK(told(captured_push("fast_forward_sha256_ofs"), GitInterest::kForce, piece) == "=refs/heads/main");
    CHECK(told(captured_push("merge"), GitInterest::kForce, piece) == "=refs/heads/main =refs/heads/other");
    CHECK(told("0000", GitInterest::kForce, piece) == "");
    for (const char* bad : {"", "000", "0005", "zzzz", "0008abcd"}) {
      CHECK(told(bad, GitInterest::kForce, piece) == "cannot tell");
    }
    CHECK(told(captured_push("signed"), GitInterest::kCall, piece) == "cannot tell");
  }
}

TEST_CASE("of_a_large_push_no_more_is_read_than_its_commits") {
  std::string push = captured_push("fast_forward_sha1_ofs");
  push += std::string(std::size_t{20} << 20, 'x');
  Guest guest = pushing_guest();
  Parts parts(push, 100);
  PrefixedBody body(parts, guest);
  PushedUpdates pushed(body, guest);
  REQUIRE(result_of(pushed.read(GitInterest::kForce)) == PushedUpdates::Came::kEnough);
  CHECK(pushed.take()->front().kind == Kind::kFastForward);
  CHECK(parts.read() < 2000);
}

TEST_CASE("a_pack_is_read_to_a_bound_and_then_tells_nothing") {
  // A blob of 2^40 octets, in blocks of zlib that say how long they are.
  std::string push = captured_push("force_back");
  push.resize(push.find("PACK"));
  push += std::string("PACK\0\0\0\2\0\0\0\1", 12) + "\xb0\x80\x80\x80\x80\x80\x01" + "\x78\x01";
  const std::string block = std::string("\0\0\xff\xff\0", 5).substr(0, 1) + "\xff\xff" + std::string(2, '\0');
  while (push.size() < (std::size_t{30} << 20)) push += block + std::string(0xffff, 'x');
  Guest guest = pushing_guest();
  Parts parts(push, 60'000);
  PrefixedBody body(parts, guest);
  PushedUpdates pushed(body, guest);
  REQUIRE(result_of(pushed.read(GitInterest::kForce)) == PushedUpdates::Came::kEnough);
  CHECK(pushed.take()->front().kind == Kind::kUpdate);
  CHECK(parts.read() > PushedUpdates::kMaxPack);
  CHECK(parts.read() < PushedUpdates::kMaxPack + 200'000);
}

TEST_CASE("a_guest_that_holds_too_much_is_told_nothing_about_its_push") {
  Guest guest = pushing_guest();
  REQUIRE(guest.hold_body(Guest::kMaxHeldBodies - 150));
  const std::string push = captured_push("fast_forward_sha1_ofs");
  Parts parts(push, 100);
  PrefixedBody body(parts, guest);
  PushedUpdates pushed(body, guest);
  REQUIRE(result_of(pushed.read(GitInterest::kForce)) == PushedUpdates::Came::kEnough);
  const auto updates = pushed.take();
  CHECK((!updates || updates->front().kind == Kind::kUpdate));
  CHECK(rest_of(body) == push + "|end");
}

TEST_CASE("a_body_that_breaks_is_no_push") {
  const std::string push = captured_push("force");
  for (const auto end : {BodyPart::Kind::kMalformed, BodyPart::Kind::kBroken}) {
    for (const std::size_t size : {std::size_t{50}, push.size() - 30}) {
      Guest guest = pushing_guest();
      Parts parts(std::string_view(push).substr(0, size), 20, end);
      PrefixedBody body(parts, guest);
      PushedUpdates pushed(body, guest);
      const auto came = result_of(pushed.read(GitInterest::kForce));
      const bool malformed = end == BodyPart::Kind::kMalformed;
      CHECK(came == (malformed ? PushedUpdates::Came::kMalformed : PushedUpdates::Came::kBroken));
    }
  }
}

TEST_CASE("a_prefix_is_given_in_pieces_before_the_rest") {
  Guest guest = pushing_guest();
  const std::string text = std::string(200'000, 'a') + std::string(1000, 'b');
  Parts parts(text, 50'000);
  PrefixedBody body(parts, guest);
  for (int i = 0; i < 3; ++i) CHECK(result_of(body.keep_part()) == PrefixedBody::Kept::kMore);
  CHECK(body.kept().size() == 150'000);
  const BodyPart first = result_of(body.read_body());
  CHECK(first.data.size() == 65'536);
  CHECK(first.next == BodyPart::Next::kBuffered);
  CHECK_FALSE(guest.hold_body(Guest::kMaxHeldBodies - 149'999));
  CHECK(rest_of(body) == text.substr(65'536) + "|end");
  CHECK(guest.hold_body(Guest::kMaxHeldBodies));
  Guest other = pushing_guest();
  Parts nothing("", 1);
  PrefixedBody empty(nothing, other);
  CHECK(result_of(empty.keep_part()) == PrefixedBody::Kept::kWhole);
  CHECK(result_of(empty.keep_part()) == PrefixedBody::Kept::kWhole);
  CHECK(rest_of(empty) == "|end");
}

}  // namespace
