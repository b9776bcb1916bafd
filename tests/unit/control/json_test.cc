#include "control/json.h"

#include <doctest/doctest.h>

#include "fake_values.h"

using namespace enforcer;
using namespace enforcer::control;

TEST_CASE("a_time_is_read_as_it_is_written_and_in_no_other_way") {
  for (const char* text : {"1970-01-01T00:00:00.000Z", "2025-01-31T12:34:56.789Z", "2261-12-31T23:59:59.999Z"}) {
    CAPTURE(text);
    const auto time = parse_time(text);
    REQUIRE(time.has_value());
    CHECK(format_time(*time) == text);
  }
  for (const char* text :
       {"", "0025-01-31T12:00:00.000Z", "1969-12-31T23:59:59.999Z", "2262-01-01T00:00:00.000Z",
        "2025-02-31T12:00:00.000Z", "2025-01-31T92:00:00.000Z", "2025-13-01T00:00:00.000Z", "+025-01-01T00:00:00.000Z",
        "2025-01-31T12:00:00.000", "2025-01-31T12:00:00Z", "2025-01-31T12:00:00.0Z", " 2025-01-31T12:00:00.000Z",
        "2025-01-31T12:00:00.000Zx", "2025- 1-31T12:00:00.000Z"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_time(text).has_value());
  }
}

TEST_CASE("a_change_of_labels_is_read_as_it_is_written") {
  const LabelChange change{.set = {{"role", "agent"}, {"team", "a \"b\""}}, .remove = {"old", "older"}};
  const auto again = decode_label_change(encode_label_change(change));
  REQUIRE(again.has_value());
  CHECK(again->set == change.set);
  CHECK(again->remove == change.remove);
  CHECK(encode_label_change(change) == R"({"remove":["old","older"],"set":{"role":"agent","team":"a \"b\""}})");
}

TEST_CASE("a_change_of_more_labels_than_a_guest_may_have_is_refused") {
  for (const std::size_t count : {hostproto::kMaxLabels, hostproto::kMaxLabels + 1}) {
    CAPTURE(count);
    LabelChange given;
    LabelChange taken;
    for (std::size_t i = 0; i < count; ++i) {
      given.set.emplace("k" + std::to_string(i), "v");
      taken.remove.push_back("k" + std::to_string(i));
    }
    for (const LabelChange& change : {given, taken}) {
      const auto read = decode_label_change(encode_label_change(change));
      CHECK(read.has_value() == (count == hostproto::kMaxLabels));
      if (read) continue;
      CHECK(read.error().code == Errc::kInvalid);
      CHECK(read.error().message.contains("has more than 64 labels"));
    }
  }
}

TEST_CASE("a_rotation_is_read_as_it_is_written") {
  const Rotation lasting{.changed = true, .expires = std::nullopt};
  CHECK(encode_rotation(lasting) == R"({"api_version":"v1","changed":true,"expires":""})");
  const auto again = decode_rotation(encode_rotation(lasting));
  REQUIRE(again.has_value());
  CHECK((again->changed && !again->expires));
  const Rotation ending{.changed = false, .expires = WallClock::time_point(std::chrono::seconds(1'700'000'000))};
  const auto ends = decode_rotation(encode_rotation(ending));
  REQUIRE(ends.has_value());
  CHECK_FALSE(ends->changed);
  CHECK(ends->expires == ending.expires);
  for (const char* text : {"", R"({"api_version":"v1","changed":true})", R"({"api_version":"v1","expires":""})",
                           R"({"api_version":"v1","changed":1,"expires":""})",
                           R"({"api_version":"v1","changed":true,"expires":"soon"})"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_rotation(text).has_value());
  }
}

TEST_CASE("the_outcome_of_a_test_is_read_as_it_is_written") {
  const CredentialTest test{.host = "a.test",
                            .port = Port{8443},
                            .path = "/x?y=\x1b\xff",
                            .status = 403,
                            .took = std::chrono::milliseconds(1234)};
  const std::string text = encode_credential_test(test);
  CHECK_FALSE(text.contains('\x1b'));
  const auto again = decode_credential_test(text);
  REQUIRE(again.has_value());
  CHECK((again->host == "a.test" && again->port == Port{8443} && again->status == 403));
  CHECK(again->path.starts_with("/x?y="));
  CHECK(again->took == test.took);
  for (const char* wrong :
       {R"("port":0,"status":200,"took_milliseconds":1)", R"("port":65536,"status":200,"took_milliseconds":1)",
        R"("port":443,"status":99,"took_milliseconds":1)", R"("port":443,"status":600,"took_milliseconds":1)",
        R"("port":443,"status":"200","took_milliseconds":1)", R"("port":443,"status":200,"took_milliseconds":-1)",
        R"("port":443,"status":200)"}) {
    CAPTURE(wrong);
    CHECK_FALSE(decode_credential_test(R"({"api_version":"v1","host":"a.test","path":"/",)" + std::string(wrong) + "}")
                    .has_value());
  }
  CHECK(decode_credential_test(
            R"({"api_version":"v1","host":"a","path":"/","port":1,"status":599,"took_milliseconds":0,"later":[]})")
            .has_value());
}

TEST_CASE("variables_are_read_as_they_are_written") {
  const Variables variables{{"A", "b=c"}, {"GH_TOKEN", "x 'y' \"z\""}};
  CHECK(decode_environment(encode_environment(variables)).value() == variables);
  CHECK(encode_environment({}) == R"({"api_version":"v1","environment":{}})");
  CHECK(decode_environment(encode_environment({})).value().empty());
  for (const char* text : {R"({"api_version":"v1"})", R"({"api_version":"v1","environment":[]})",
                           R"({"api_version":"v1","environment":{"A":1}})",
                           R"({"api_version":"v1","environment":{"A":"1","A":"2"}})", R"({"environment":{}})"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_environment(text).has_value());
  }
}

TEST_CASE("a_guest_is_read_as_it_is_written") {
  GuestInfo guest = testing::guest_info("vm");
  guest.owner = 1000;
  guest.created = WallClock::time_point(std::chrono::seconds(1'700'000'000));
  guest.policies = {"base", "coding-agent"};
  guest.decisions = {.allowed = 1, .denied = ~std::uint64_t{0}, .held = 2};
  guest.connections = 3;
  const auto again = decode_guests(encode_guests({guest, testing::guest_info("box", "attached")}));
  REQUIRE(again.has_value());
  REQUIRE(again->size() == 2);
  const GuestInfo& first = again->front();
  CHECK((first.name == guest.name && first.owner == 1000 && first.connections == 3));
  CHECK(first.created == guest.created);
  CHECK(first.policies == guest.policies);
  CHECK(first.decisions == guest.decisions);
  CHECK_FALSE(again->back().created.has_value());
  CHECK(again->back().policies.empty());
}

TEST_CASE("what_an_older_daemon_does_not_say_of_a_guest_is_nothing_and_what_is_wrong_is_refused") {
  const std::string older =
      R"("name":"vm","epoch":"0000000000000abc","kind":"microvm","state":"running","image":"mini","accelerator":"tcg",)"
      R"("slot":7,"ipv4":"100.64.0.7","ipv6":"")";
  const auto read = [&](std::string_view more) {
    return decode_guests(R"({"api_version":"v1","guests":[{)" + older + std::string(more) + "}]}");
  };
  const auto guests = read("");
  REQUIRE_MESSAGE(guests.has_value(), (guests ? "" : guests.error().message));
  CHECK_FALSE(guests->front().created.has_value());
  CHECK(guests->front().decisions == GuestDecisions{});
  CHECK(read(R"(,"decisions":{"allowed":1,"denied":2,"held":3,"later":4})").value().front().decisions.held == 3);
  for (const char* wrong : {R"(,"created":"soon")", R"(,"created":1700000000)", R"(,"policies":"base")",
                            R"(,"policies":[1])", R"(,"decisions":[])", R"(,"decisions":{"allowed":1,"denied":2})",
                            R"(,"decisions":{"allowed":-1,"denied":2,"held":3})", R"(,"connections":-1)",
                            R"(,"connections":"1")", R"(,"owner":-1)", R"(,"owner":4294967296)"}) {
    CAPTURE(wrong);
    CHECK_FALSE(read(wrong).has_value());
  }
}

TEST_CASE("request_for_a_guest_survives_with_its_disk_and_its_workspaces") {
  using enum Workspace::Access;
  const CreateGuest request{.name = *GuestName::parse("g1"),
                            .labels = {{"k", "v"}},
                            .image = "agent",
                            .memory_mib = 1024,
                            .cpus = 2,
                            .disk_mib = 64,
                            .workspaces = {{"/home/a/x", kReadWrite}, {"/srv/b", kReadOnly}}};
  const auto decoded = decode_create(encode_create(request));
  REQUIRE(decoded);
  CHECK((decoded->image == "agent" && decoded->memory_mib == 1024 && decoded->disk_mib == 64));
  REQUIRE(decoded->workspaces.size() == 2);
  CHECK((decoded->workspaces[0].path == "/home/a/x" && decoded->workspaces[0].access == kReadWrite));
  CHECK((decoded->workspaces[1].path == "/srv/b" && decoded->workspaces[1].access == kReadOnly));

  const auto least = decode_create(R"({"name":"g1","workspaces":[{"path":"/home/a"}]})");
  REQUIRE(least);
  CHECK((least->memory_mib == 0 && least->disk_mib == hostproto::kDiskMib));  // as the image says
  CHECK(least->workspaces.front().access == kReadWrite);
  CHECK(decode_create(R"({"name":"g1"})")->workspaces.empty());
}
