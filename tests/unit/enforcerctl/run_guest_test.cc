// run and guest exec: what they ask of the daemon for their options.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "enforcerctl/workspace.h"
#include "redirected.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;
using control::Workspace;
using hostproto::Frame;
using hostproto::FrameType;

namespace {

/// A guest that says what it was asked to run.
std::vector<Frame> repeat_request(const Frame& frame) {
  if (frame.type != FrameType::kExec) return {};
  return {{FrameType::kStdout, frame.payload}, {FrameType::kResult, R"({"exit":0})"}};
}

/// What the guest was asked to run by this command line, which succeeds.
nlohmann::json requested_by(FakeDaemon& daemon, const std::vector<std::string>& arguments) {
  daemon.locked()->script = repeat_request;
  const std::string out = daemon.folder.file("out");
  Ran ran;
  {
    const Redirected redirected("/dev/null", out);
    ran = run_with(daemon, arguments);
  }
  CAPTURE(ran.err);
  CHECK(ran.status == 0);
  return nlohmann::json::parse(read_file(out), nullptr, false);
}

bool has_call(FakeDaemon& daemon, std::string_view beginning) {
  const auto calls = daemon.shared.calls_now();
  return std::ranges::any_of(calls, [&](const std::string& call) { return call.starts_with(beginning); });
}

}  // namespace

TEST_CASE("guest_exec_runs_in_a_guest_and_leaves_it_alone") {
  FakeDaemon daemon;
  daemon.locked()->guests.push_back(guest_info("box"));
  daemon.locked()->environment = {{"GH_TOKEN", "placeholder"}};
  const auto request = requested_by(
      daemon, {"guest", "exec", "--root", "-e", "A=b", "--cwd", "/srv", "box", "--", "ls", "-l", "--root"});
  CHECK(request == nlohmann::json{{"argv", {"ls", "-l", "--root"}},
                                  {"cwd", "/srv"},
                                  {"env", {{"A", "b"}, {"GH_TOKEN", "placeholder"}}},
                                  {"user", "root"}});
  CHECK(requested_by(daemon, {"guest", "exec", "box", "ls", "-l"})["argv"] == nlohmann::json{"ls", "-l"});
  CHECK(requested_by(daemon, {"guest", "exec", "box", "--", "--", "x"})["argv"] == nlohmann::json{"--", "x"});
  CHECK(daemon.locked()->guests.size() == 1);
  CHECK_FALSE(has_call(daemon, "create"));
  CHECK_FALSE(has_call(daemon, "delete"));
}

TEST_CASE("guest_exec_fails_with_125_and_options_that_the_parser_refuses_with_2") {
  FakeDaemon daemon;
  CHECK(run_with(daemon, {"guest", "exec", "nobody", "--", "true"}).status == 125);
  CHECK(run_with(daemon, {"guest", "exec", "NOBODY", "--", "true"}).status == 125);
  CHECK(run_with(daemon, {"guest", "exec", "nobody"}).status == 2);
  CHECK(run_with(daemon, {"guest", "exec", "nobody", "--"}).status == 125);
  CHECK(run_with(daemon, {"guest", "exec", "-e", "novalue", "nobody", "--", "true"}).status == 125);
  CHECK(run_with(daemon, {"run", "-e", "novalue", "--", "true"}).status == 125);
  CHECK(run_with(daemon, {"guest", "exec", "-t", "-T", "nobody", "--", "true"}).status == 2);
}

TEST_CASE("what_is_not_utf_8_is_refused_before_anything_is_made_for_it") {
  FakeDaemon daemon;
  daemon.locked()->guests.push_back(guest_info("box"));
  daemon.locked()->script = repeat_request;
  const std::string real = std::filesystem::canonical(daemon.folder.file(".")).string();
  std::filesystem::create_directory(real + "/\xff");
  std::filesystem::create_directory(real + "/\u00e9");
  for (const std::vector<std::string>& tail :
       std::vector<std::vector<std::string>>{{"--", "ls", "\xff"},
                                             {"--", "\xc3", "ls"},
                                             {"-e", "A=\xc0\x80", "--", "ls"},
                                             {"-e", "\xff=b", "--", "ls"},
                                             {"--cwd", "/\xed\xa0\x80", "--", "ls"},
                                             {"--workspace", real + "/\xff", "--", "ls"}}) {
    CAPTURE(tail.front());
    std::vector<std::string> arguments{"run"};
    arguments.insert(arguments.end(), tail.begin(), tail.end());
    const Ran ran = run_with(daemon, arguments);
    CHECK(ran.status == 125);
    CHECK(ran.err.ends_with("is not UTF-8\n"));
    CHECK_FALSE(ran.err.contains("A="));  // a value may be a secret
  }
  CHECK(daemon.shared.calls_now().empty());

  setenv("TERM", "\xff", 1);
  CHECK(run_with(daemon, {"guest", "exec", "-t", "box", "--", "ls"}).err.contains("TERM is not UTF-8"));
  setenv("TERM", "xterm", 1);
  CHECK_FALSE(has_call(daemon, "exec"));

  const auto request =
      requested_by(daemon, {"run", "-e", "A=\u00e9", "--workspace", real + "/\u00e9", "--", "\U0001f600"});
  CHECK(request["argv"] == nlohmann::json{"\U0001f600"});
  CHECK(request["env"]["A"] == "\u00e9");
  CHECK(request["cwd"] == real + "/\u00e9");
}

TEST_CASE("a_terminal_is_asked_for_with_the_kind_of_ours_and_only_when_it_is_wanted") {
  FakeDaemon daemon;
  daemon.locked()->guests.push_back(guest_info("box"));
  setenv("TERM", "xterm-kitty", 1);
  const auto with = requested_by(daemon, {"guest", "exec", "-t", "box", "--", "sh"});
  CHECK(with["tty"] == nlohmann::json{{"rows", 24}, {"columns", 80}});
  CHECK(with["env"]["TERM"] == "xterm-kitty");
  CHECK(requested_by(daemon, {"guest", "exec", "-t", "-e", "TERM=dumb", "box", "--", "sh"})["env"]["TERM"] == "dumb");
  for (const char* option : {"-T", "--no-tty"}) {
    CHECK_FALSE(requested_by(daemon, {"guest", "exec", option, "box", "--", "sh"}).contains("tty"));
  }
  const auto by_itself = requested_by(daemon, {"guest", "exec", "box", "--", "sh"});  // its input is a file here
  CHECK_FALSE(by_itself.contains("tty"));
  CHECK_FALSE(by_itself["env"].contains("TERM"));
}

TEST_CASE("a_guest_that_is_kept_stays_under_its_name_and_the_tool_says_how_to_get_in") {
  FakeDaemon daemon;
  daemon.locked()->script = repeat_request;
  Ran ran;
  {
    const Redirected redirected("/dev/null", daemon.folder.file("out"));
    ran = run_with(daemon, {"run", "--name", "box", "--keep", "--", "true"});
  }
  CHECK(ran.status == 0);
  CHECK(ran.err ==
        "guest box stays: 'enforcerctl guest exec box -- sh' gets in, 'enforcerctl guest delete box' ends it\n");
  CHECK(daemon.locked()->guests.size() == 1);
  CHECK(has_call(daemon, "create box mini 0"));
  for (const std::string& call : daemon.shared.calls_now()) CHECK_FALSE(call.contains("ephemeral"));
}

TEST_CASE("a_guest_that_is_kept_stays_whatever_becomes_of_its_command") {
  FakeDaemon daemon;
  daemon.locked()->most_channels = 0;
  const Ran ran = run_with(daemon, {"run", "--name", "box", "--keep", "--", "true"});
  CHECK(ran.status == 125);
  CHECK(ran.err.contains("guest box stays"));
  CHECK(daemon.locked()->guests.size() == 1);
}

TEST_CASE("a_name_that_is_taken_is_never_deleted") {
  FakeDaemon daemon;
  daemon.locked()->error = Error{Errc::kConflict, "guest 'box' exists already"};
  daemon.locked()->guests.push_back(guest_info("box"));
  const Ran ran = run_with(daemon, {"run", "--name", "box", "--", "true"});
  CHECK(ran.status == 125);
  CHECK(ran.err == "enforcerctl: guest 'box' exists already\n");
  CHECK_FALSE(has_call(daemon, "delete"));
  CHECK(run_with(daemon, {"run", "--name", "Box", "--", "true"}).status == 125);
}

TEST_CASE("what_describes_a_new_guest_is_refused_beside_one_that_exists") {
  FakeDaemon daemon;
  daemon.locked()->guests.push_back(guest_info("box"));
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{"--name", "x"},
                                                                                    {"--keep"},
                                                                                    {"--disk", "100"},
                                                                                    {"--workspace", "/"},
                                                                                    {"-l", "role=agent"},
                                                                                    {"--image", "agent"},
                                                                                    {"--memory", "128"},
                                                                                    {"--cpus", "2"}}) {
    std::vector<std::string> arguments{"run", "--guest", "box"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.insert(arguments.end(), {"--", "true"});
    CAPTURE(more.front());
    CHECK(run_with(daemon, arguments).status == 2);
  }
  CHECK(daemon.shared.calls_now().empty());
}

TEST_CASE("a_workspace_is_named_by_its_real_path_and_chooses_image_and_folder") {
  FakeDaemon daemon;
  const std::string real = std::filesystem::canonical(daemon.folder.file(".")).string() + "/work";
  std::filesystem::create_directory(real);
  std::filesystem::create_directory_symlink(real, daemon.folder.file("link"));
  CHECK(requested_by(daemon, {"run", "--workspace", daemon.folder.file("link/../link"), "--", "true"})["cwd"] == real);
  const auto calls = daemon.shared.calls_now();
  REQUIRE(calls.size() == 3);
  CHECK(calls[0].starts_with("create run-"));
  CHECK(calls[0].ends_with(" agent 0 ephemeral"));
  CHECK(requested_by(daemon, {"run", "--workspace", real, "--cwd", "/tmp", "--", "true"})["cwd"] == "/tmp");
  CHECK_FALSE(requested_by(daemon, {"run", "--", "true"}).contains("cwd"));

  const std::string file = daemon.folder.write("file", "x");
  const Ran no_folder = run_with(daemon, {"run", "--workspace", file, "--", "true"});
  CHECK(no_folder.status == 125);
  CHECK(no_folder.err.contains(file + ": it is no folder"));
  const Ran missing = run_with(daemon, {"run", "--workspace", real + "/nosuch", "--", "true"});
  CHECK(missing.status == 125);
  CHECK(missing.err.contains("No such file or directory"));
  CHECK(daemon.locked()->guests.empty());
}

TEST_CASE("a_workspace_may_be_for_reading_only") {
  const auto workspaces = workspaces_from({"/tmp:ro", "/"});
  REQUIRE(workspaces.has_value());
  REQUIRE(workspaces->size() == 2);
  CHECK((*workspaces)[0].path == std::filesystem::canonical("/tmp").string());
  CHECK((*workspaces)[0].access == Workspace::Access::kReadOnly);
  CHECK((*workspaces)[1].path == "/");
  CHECK((*workspaces)[1].access == Workspace::Access::kReadWrite);
  CHECK_FALSE(workspaces_from({""}).has_value());
  CHECK_FALSE(workspaces_from({":ro"}).has_value());
}

TEST_CASE("a_command_begins_where_its_caller_is_if_the_guest_has_that_folder") {
  const std::vector<Workspace> workspaces{{.path = "/home/me/a", .access = Workspace::Access::kReadWrite},
                                          {.path = "/srv/b", .access = Workspace::Access::kReadOnly}};
  CHECK(folder_to_begin_in(workspaces, "/home/me/a") == "/home/me/a");
  CHECK(folder_to_begin_in(workspaces, "/srv/b/deep/er") == "/srv/b/deep/er");
  CHECK(folder_to_begin_in(workspaces, "/home/me") == "/home/me/a");
  CHECK(folder_to_begin_in(workspaces, "/home/me/ab") == "/home/me/a");
  CHECK(folder_to_begin_in(workspaces, "/") == "/home/me/a");
  CHECK(folder_to_begin_in({}, "/home/me").empty());
  CHECK(folder_to_begin_in({{.path = "/", .access = Workspace::Access::kReadOnly}}, "/etc") == "/etc");
}
