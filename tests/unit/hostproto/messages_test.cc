// The protocol between the daemons: what is encoded comes back equal, and a message with any field wrong, missing or
// superfluous is refused. The tables below hold every field of every message.
#include "hostproto/messages.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace enforcer::hostproto {
namespace {

using nlohmann::json;

GuestName name(const char* text) {
  return *GuestName::parse(text);
}
IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

using enum Workspace::Access;
const std::vector<Workspace> kWorkspaces{{"/home/a/\xc3\xa4 b", kReadWrite}, {"/srv/x", kReadOnly}};
const Labels kLabels{{"team", "a"}, {"env", "test \"quoted\""}};

std::vector<Request> all_requests() {
  return {Hello{},
          Ready{},
          Booted{Slot{7}},
          CreateGuest{1, name("vm-1"), kLabels, 1000, 1001, "mini", 256, 2, kMostDiskMib, kWorkspaces, true},
          CreateGuest{1, name("vm-1"), kLabels, 0, 0, "mini", 0, 1, kLeastDiskMib, {}, false},
          CreateGuest{1, name("vm-1"), kLabels, 0, 0, "mini", kLeastMemoryMib, 1, kLeastDiskMib, {}, false},
          CreateGuest{1, name("vm-1"), kLabels, 0, 0, "mini", kMostMemoryMib, kMostCpus, kLeastDiskMib, {}, false},
          AttachGuest{~0ULL, name("c1"), kLabels, 0, "/run/netns/c1"},
          DeleteGuest{3, name("c1"), Slot{0xffffff}},
          DeleteGuest{3, name("c1"), Slot{0}},
          LabelGuest{6, Slot{7}, Epoch{0xabc}, kLabels, {"old", "older"}},
          LabelGuest{6, Slot{7}, Epoch{0xabc}, {}, {}},
          FreezeGuest{4, Slot{7}, Epoch{0xabc}, kMaxFreeze},
          ThawGuest{5, Slot{7}, Epoch{0xabc}}};
}

std::vector<Notice> all_notices() {
  return {Welcome{kVersion, 4, "tcx", "unknown", address("100.64.0.1"), address("fd77:e::1")},
          Pipes{64},
          Guest{Slot{0xffffff}, Epoch{0x0123456789abcdefULL}, name("vm-1"), kLabels, 1000, "microvm", "booting", "mini",
                "tcg", 12, address("100.64.0.9"), address("fd77:e::9"), 1700000000, true},
          Announced{},
          GuestGone{Slot{7}, "boot timeout"},
          Reply{9, std::nullopt, ""},
          Reply{9, Error{Errc::kConflict, "guest 'c1' exists"}, "memory is short"},
          Event{"guard_restored", Slot{0}, "the nft table was gone"}};
}

struct Wrong {
  const char* field;
  json value;
};

json workspace(const std::string& path) {
  return {{"path", path}, {"access", "rw"}};
}

/// What is wrong with a field of that name in any message.
std::vector<Wrong> wrong_values() {
  const std::string long_text(5000, 'x');
  return {{"version", -1},
          {"version", "1"},
          {"slot", 0x1000000},
          {"slot", 1.5},
          {"slot", -1},
          {"request", -1},
          {"request", 1.0},
          {"name", ""},
          {"name", "../../etc"},
          {"name", 7},
          {"name", long_text},
          {"labels", json::array()},
          {"labels", {{"a", 1}}},
          {"labels", {{"", "x"}}},
          {"labels", {{"a", "line\nbreak"}}},
          {"set", json::array()},
          {"set", {{"a", 1}}},
          {"set", {{"", "x"}}},
          {"set", {{"a", std::string(129, 'x')}}},
          {"remove", json::object()},
          {"remove", {1}},
          {"remove", {""}},
          {"remove", {"line\nbreak"}},
          {"remove", {std::string(129, 'x')}},
          {"remove", std::vector<std::string>(65, "x")},
          {"image", "../mini"},
          {"image", 1},
          {"memory_mib", 63},
          {"memory_mib", 65537},
          {"cpus", 0},
          {"cpus", 65},
          {"ephemeral", 1},
          {"ephemeral", "true"},
          {"memory_mib", 1},
          {"owner_group", -1},
          {"owner_group", 0xffffffffU},
          {"disk_mib", 63},
          {"disk_mib", 1024 * 1024 + 1},
          {"workspaces", json::object()},
          {"workspaces", {1}},
          {"workspaces", {{{"path", "/home/a"}}}},
          {"workspaces", {{{"access", "rw"}}}},
          {"workspaces", {{{"path", "/home/a"}, {"access", "wr"}}}},
          {"workspaces", {{{"path", "/home/a"}, {"access", "rw"}, {"more", 1}}}},
          {"workspaces", {{{"path", "home/a"}, {"access", "rw"}}}},
          {"workspaces", {workspace("/a"), workspace("/b"), workspace("/c"), workspace("/d"), workspace("/e")}},
          {"workspaces", {workspace("/a"), workspace("/a")}},
          {"workspaces", {workspace("/a/b"), workspace("/a")}},
          {"netns", "relative"},
          {"netns", "/run/netns/../../etc/passwd"},
          {"netns", "/run/netns/.."},
          {"netns", ""},
          {"workers", 0},
          {"workers", 65},
          {"attach_mode", "xdp"},
          {"accelerator", "hvf"},
          {"gateway_ipv4", "127.1"},
          {"gateway_ipv6", "fe80::1%eth0"},
          {"count", 0},
          {"count", 127},
          {"epoch", "xyz"},
          {"kind", "container"},
          {"state", "frozen"},
          {"most", 0},
          {"most", 901},
          {"most", -1},
          {"interface_index", 0},
          {"owner", -1},
          {"created", -1},
          {"created", "2026-01-01"},
          {"created", 9'214'646'400U},
          {"owner", 0xffffffffU},
          {"ipv4", 1},
          {"ipv6", ""},
          {"why", "two\nlines"},
          {"error", "no"},
          {"error", {{"code", "nonsense"}, {"message", "x"}}},
          {"error", {{"code", "io"}}},
          {"error", {{"code", "io"}, {"message", "x"}, {"more", 1}}},
          {"warning", nullptr},
          {"detail", long_text}};
}

template <class Message, class Decode>
void check_every_field(const Message& message, Decode decode) {
  const json good = json::parse(encode(message));
  REQUIRE(decode(good.dump()));
  for (const auto& [key, value] : good.items()) {
    CAPTURE(key);
    if (key != "error") {
      json missing = good;
      missing.erase(key);
      CHECK_FALSE(decode(missing.dump()));
    }
    bool tried = key == "type";
    for (const Wrong& wrong : wrong_values()) {
      if (key != wrong.field) continue;
      if (key == "image" && good["type"] == "guest" && wrong.value.is_string()) continue;  // only shown, never opened
      CAPTURE(wrong.value.dump());
      json broken = good;
      broken[key] = wrong.value;
      const auto decoded = decode(broken.dump());
      CHECK_FALSE(decoded);
      if (!decoded) CHECK(decoded.error().code == Errc::kInvalid);
      tried = true;
    }
    CHECK_MESSAGE(tried, "no wrong value is tried for field ", key);
  }
  json extra = good;
  extra["extra"] = 1;
  CHECK_FALSE(decode(extra.dump()));
}

TEST_CASE("a_label_is_set_or_removed_and_not_both") {
  const auto decoded = [](Labels set, std::vector<std::string> remove) {
    return decode_request(encode(LabelGuest{1, Slot{7}, Epoch{0xabc}, std::move(set), std::move(remove)})).has_value();
  };
  CHECK(decoded({{"a", "1"}}, {"b"}));
  CHECK_FALSE(decoded({{"a", "1"}}, {"b", "a"}));
  Labels most;
  for (int i = 0; i < 64; ++i) most.emplace("k" + std::to_string(i), std::string(128, 'x'));
  CHECK(decoded(most, {}));
  most.emplace("one", "more");
  CHECK_FALSE(decoded(most, {}));
}

TEST_CASE("messages_survive_encoding_and_decoding") {
  for (const Request& request : all_requests()) {
    const auto decoded = decode_request(encode(request));
    REQUIRE(decoded);
    CHECK(decoded->index() == request.index());
    CHECK(encode(*decoded) == encode(request));
  }
  for (const Notice& notice : all_notices()) {
    const auto decoded = decode_notice(encode(notice));
    REQUIRE(decoded);
    CHECK(decoded->index() == notice.index());
    CHECK(encode(*decoded) == encode(notice));
  }
}

TEST_CASE("decoded_values_are_the_encoded_values") {
  const auto request = decode_request(
      encode(Request{CreateGuest{42, name("vm-1"), kLabels, 0xfffffffe, 7, "mini", 512, 3, 100, kWorkspaces, true}}));
  REQUIRE(request);
  const auto& create = std::get<CreateGuest>(*request);
  CHECK(create.request == 42);
  CHECK(create.name == name("vm-1"));
  CHECK(create.labels == kLabels);
  CHECK(create.image == "mini");
  CHECK(create.memory_mib == 512);
  CHECK(create.cpus == 3);
  CHECK(create.ephemeral);
  CHECK((create.owner == 0xfffffffe && create.owner_group == 7 && create.disk_mib == 100));
  CHECK(create.workspaces == kWorkspaces);

  const auto notice = decode_notice(encode(Notice{Reply{5, Error{Errc::kTimeout, "late"}, "w"}}));
  REQUIRE(notice);
  const auto& reply = std::get<Reply>(*notice);
  REQUIRE(reply.error);
  CHECK(reply.error->code == Errc::kTimeout);
  CHECK(reply.error->message == "late");
  CHECK(reply.warning == "w");
}

TEST_CASE("refuses_a_message_with_any_field_wrong_missing_or_unknown") {
  for (const Request& request : all_requests()) check_every_field(request, decode_request);
  for (const Notice& notice : all_notices()) check_every_field(notice, decode_notice);
}

TEST_CASE("refuses_what_is_not_one_of_the_messages") {
  for (
      const char* packet :
      {"", "{", "[]", "null", "\"hello\"", "{}", R"({"type":1})", R"({"type":"reboot"})", R"({"type":"welcome"})",
       R"({"type":"hello","version":1} {})", R"({"type":"hello","version":1,"version":1})",
       R"({"type":"create_guest","request":1,"name":"a","labels":{"x":"1","x":"2"},"owner":0,"owner_group":0,"image":"mini","memory_mib":64,"cpus":1,"disk_mib":64,"workspaces":[],"ephemeral":false})",
       "{\"type\":\"hello\",\"version\":1,\"\xff\":1}"}) {
    CAPTURE(packet);
    CHECK_FALSE(decode_request(packet));
  }
  // The control: the same shape without the fault.
  CHECK(decode_request(R"({"type":"hello","version":1})"));
  CHECK(decode_request(
      R"({"type":"create_guest","request":1,"name":"a","labels":{"x":"1","y":"2"},"owner":0,"owner_group":0,"image":"mini","memory_mib":64,"cpus":1,"disk_mib":64,"workspaces":[],"ephemeral":false})"));
}

TEST_CASE("path_of_a_workspace_is_absolute_plain_and_short") {
  const std::string longest = "/" + std::string(1023, 'x');
  for (const std::string& good : {std::string("/a"), std::string("/home/a b/.git/..x/..."), longest}) {
    CAPTURE(good);
    CHECK(check_workspace_path(good));
  }
  const std::string nul("/a\0b", 4);
  for (const std::string& bad :
       {std::string(), std::string("a"), std::string("./a"), std::string("/"), std::string("//a"), std::string("/a/"),
        std::string("/a//b"), std::string("/a/."), std::string("/./a"), std::string("/a/../b"), std::string("/.."),
        std::string("/a\nb"), nul, std::string("/a\x7f"), longest + "x"}) {
    CAPTURE(bad);
    const auto checked = check_workspace_path(bad);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == Errc::kInvalid);
  }
}

TEST_CASE("workspaces_of_a_guest_are_at_most_four_and_none_lies_in_another") {
  const auto all = [](std::initializer_list<const char*> paths) {
    std::vector<Workspace> workspaces;
    for (const char* path : paths) workspaces.push_back({path, kReadOnly});
    return check_workspaces(workspaces);
  };
  CHECK(all({}));
  CHECK(all({"/a/b", "/a/bc", "/a/c", "/b"}));
  CHECK_FALSE(all({"/1", "/2", "/3", "/4", "/5"}));
  CHECK_FALSE(all({"/a", "/a"}));
  CHECK_FALSE(all({"/a", "/a/b"}));
  CHECK_FALSE(all({"/a/b/c", "/x", "/a/b"}));
}

TEST_CASE("only_a_guest_that_shares_folders_comes_with_a_descriptor") {
  for (const Request& request : all_requests()) {
    const auto* create = std::get_if<CreateGuest>(&request);
    CHECK(descriptors_beside(request) == (create != nullptr && create->workspaces.size() == 2 ? 1 : 0));
  }
}

TEST_CASE("a_request_is_not_a_notice") {
  CHECK_FALSE(decode_notice(encode(Request{Ready{}})));
  CHECK_FALSE(decode_request(encode(Notice{Pipes{1}})));
}

TEST_CASE("refuses_more_than_64_KiB_and_deep_nesting") {
  CHECK_FALSE(decode_request(R"({"type":"ready")" + std::string(kMaxMessage, ' ') + "}"));
  CHECK(decode_request(R"({"type":"ready")" + std::string(kMaxMessage - 20, ' ') + "}"));
  CHECK_FALSE(decode_request(R"({"type":"ready","x":)" + std::string(30'000, '[') + std::string(30'000, ']') + "}"));
}

TEST_CASE("texts_that_are_shown_travel_as_one_line") {
  const auto notice = decode_notice(encode(Notice{Event{"x", Slot{1}, "first\nsecond\x1b[31m"}}));
  REQUIRE(notice);
  CHECK(std::get<Event>(*notice).detail == "first second [31m");
}

}  // namespace
}  // namespace enforcer::hostproto
