#include "workspaces.h"

#include <doctest/doctest.h>

using namespace enforcer::guest;

namespace {

std::string path_of(const std::string& encoded) {
  const auto workspace = parse_workspace("ws0:rw:" + encoded);
  return workspace ? workspace->path : "refused";
}

std::string refusal_of(const std::string& text) {
  const auto workspace = parse_workspace(text);
  return workspace ? "taken" : workspace.error().message;
}

}  // namespace

TEST_CASE("workspace_is_a_tag_an_access_and_a_path") {
  const auto writable = parse_workspace("ws0:rw:/home/me/project");
  REQUIRE(writable);
  CHECK(writable->tag == "ws0");
  CHECK(writable->access == SharedFolder::Access::kReadWrite);
  CHECK(writable->path == "/home/me/project");
  const auto readable = parse_workspace("ws-1_b:ro:/srv/data");
  REQUIRE(readable);
  CHECK(readable->access == SharedFolder::Access::kReadOnly);
}

TEST_CASE("path_of_a_workspace_is_decoded_strictly") {
  CHECK(path_of("/srv/Az09._-") == "/srv/Az09._-");
  CHECK(path_of("/srv/a%20b") == "/srv/a b");
  CHECK(path_of("/srv/%C3%A9%3A%25") == "/srv/\xc3\xa9:%");
  CHECK(path_of("/srv/%FF") == "/srv/\xff");
  for (const char* wrong : {"/srv/a b", "/srv/a+b", "/srv/a:b", "/srv/%", "/srv/%4", "/srv/%c3", "/srv/%G0", "/srv/%0G",
                            "/srv/%00", "/srv/%1F", "/srv/%0A", "/srv/%7F", "/srv/\xc3\xa9"})
    CHECK_MESSAGE(path_of(wrong) == "refused", wrong);
}

TEST_CASE("path_of_a_workspace_is_absolute_and_names_each_folder_once") {
  CHECK(path_of("/srv/...") == "/srv/...");
  CHECK(path_of("/srv/.git") == "/srv/.git");
  for (const char* wrong : {"", "/", "srv", "srv/x", "/srv/", "//srv", "/srv//x", "/srv/./x", "/srv/..", "/../etc",
                            "/srv/%2E%2E/x", "/srv/%2E", "%2Fsrv%2F%2Fx"})
    CHECK_MESSAGE(path_of(wrong) == "refused", wrong);
}

TEST_CASE("refusal_of_a_workspace_says_what_is_wrong") {
  CHECK(refusal_of("ws0") == "enforcer.workspace=ws0: not TAG:rw|ro:PATH");
  CHECK(refusal_of("ws0:rw") == "enforcer.workspace=ws0:rw: not TAG:rw|ro:PATH");
  CHECK(refusal_of(":rw:/srv/x") == "enforcer.workspace=:rw:/srv/x: not a tag of virtiofs");
  CHECK(refusal_of("w/s:rw:/srv/x") == "enforcer.workspace=w/s:rw:/srv/x: not a tag of virtiofs");
  CHECK(refusal_of(std::string(36, 'a') + ":rw:/srv/x") == "taken");
  CHECK(refusal_of(std::string(37, 'a') + ":rw:/srv/x").ends_with("not a tag of virtiofs"));
  CHECK(refusal_of("ws0::/srv/x") == "enforcer.workspace=ws0::/srv/x: access is neither rw nor ro");
  CHECK(refusal_of("ws0:RW:/srv/x") == "enforcer.workspace=ws0:RW:/srv/x: access is neither rw nor ro");
  CHECK(refusal_of("ws0:ro:/srv/%zz") == "enforcer.workspace=ws0:ro:/srv/%zz: its path is not percent-encoded");
  CHECK(refusal_of("ws0:ro:/srv/%0A") == "enforcer.workspace=ws0:ro:/srv/%0A: its path holds a control character");
}

TEST_CASE("commands_are_refused_once_a_workspace_is_missing") {
  REQUIRE(mount_workspaces({}));
  CHECK(workspaces_ready());
  CHECK_FALSE(mount_workspaces({"ws0:rw:relative"}));
  const auto ready = workspaces_ready();
  REQUIRE_FALSE(ready);
  CHECK(ready.error().message ==
        "the guest has no workspace: enforcer.workspace=ws0:rw:relative: its path is not absolute");
}
