#include "user.h"

#include <doctest/doctest.h>

using namespace enforcer::guest;

namespace {

UserFiles debian_files() {
  return {.passwd =
              "root:x:0:0:root:/root:/bin/bash\n"
              "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
              "old:x:1000:1000:Old,,,:/home/old:/bin/sh\n",
          .group =
              "root:x:0:\n"
              "sudo:x:27:old\n"
              "users:x:100:\n"
              "docker:x:101:\n"
              "old:x:1000:\n",
          .shadow =
              "root:*:19000:0:99999:7:::\n"
              "daemon:*:19000:0:99999:7:::\n"
              "old:$y$secret:19000:0:99999:7:::\n",
          .gshadow = "root:*::\nsudo:*::old\nusers:*::\ndocker:!::\nold:!::\n"};
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("user_of_the_command_line_is_two_decimal_ids") {
  const auto ids = parse_user("1000:100");
  REQUIRE(ids);
  CHECK(ids->uid == 1000);
  CHECK(ids->gid == 100);
  CHECK(parse_user("0:0"));
  CHECK(parse_user("4294967294:4294967294"));
  for (const char* wrong : {"", ":", "1000", "1000:", ":100", "1000:100:1", "1000:-1", "+1:1", " 1:1", "1:1 ", "0x10:1",
                            "root:root", "4294967295:1", "1:4294967295", "99999999999:1"})
    CHECK_MESSAGE(!parse_user(wrong), wrong);
  CHECK(parse_user("1000").error().message == "enforcer.user=1000: not UID:GID");
}

TEST_CASE("agent_is_a_user_without_a_password_in_the_groups_that_there_are") {
  const UserFiles files = add_agent(debian_files(), {1234, 1234}, "/bin/bash");
  CHECK(has_line(files.passwd, "agent:x:1234:1234:agent:/home/agent:/bin/bash"));
  CHECK(has_line(files.shadow, "agent:*::0:99999:7:::"));
  CHECK(has_line(files.group, "agent:x:1234:"));
  CHECK(has_line(files.gshadow, "agent:*::"));
  CHECK(has_line(files.group, "sudo:x:27:old,agent"));
  CHECK(has_line(files.group, "docker:x:101:agent"));
  CHECK(has_line(files.gshadow, "sudo:*::old,agent"));
  CHECK(has_line(files.gshadow, "docker:!::agent"));
  CHECK(has_line(files.group, "users:x:100:"));
  CHECK(has_line(files.passwd, "old:x:1000:1000:Old,,,:/home/old:/bin/sh"));
}

TEST_CASE("who_had_the_uid_is_replaced_and_a_group_of_that_gid_stays") {
  const UserFiles files = add_agent(debian_files(), {1000, 100}, "/bin/bash");
  CHECK(has_line(files.passwd, "agent:x:1000:100:agent:/home/agent:/bin/bash"));
  CHECK(files.passwd.find("old:") == std::string::npos);
  CHECK(files.shadow.find("secret") == std::string::npos);
  CHECK(has_line(files.group, "users:x:100:"));
  CHECK(files.group.find("agent:x") == std::string::npos);
  CHECK(has_line(files.shadow, "daemon:*:19000:0:99999:7:::"));
}

TEST_CASE("who_had_the_name_is_replaced") {
  UserFiles files = debian_files();
  files.passwd += "agent:x:500:500::/nowhere:/bin/false\n";
  files.shadow += "agent:$y$known:1::::::\n";
  files.group += "agent:x:500:root\n";
  files.gshadow += "agent:!::root\n";
  const UserFiles once = add_agent(files, {1234, 1234}, "/bin/bash");
  CHECK(once.passwd.find("/nowhere") == std::string::npos);
  CHECK(once.shadow.find("known") == std::string::npos);
  CHECK(has_line(once.group, "agent:x:1234:"));
  CHECK(once.group.find(":500:") == std::string::npos);
  const UserFiles twice = add_agent(once, {1234, 1234}, "/bin/bash");
  CHECK(twice.passwd == once.passwd);
  CHECK(twice.group == once.group);
  CHECK(twice.shadow == once.shadow);
  CHECK(twice.gshadow == once.gshadow);
}

TEST_CASE("account_is_what_the_files_say") {
  const UserFiles files = add_agent(debian_files(), {1234, 100}, "/bin/bash");
  const auto agent = account_in(files.passwd, files.group, "agent");
  REQUIRE(agent);
  CHECK(agent->uid == 1234);
  CHECK(agent->gid == 100);
  CHECK(agent->home == "/home/agent");
  CHECK(agent->shell == "/bin/bash");
  CHECK(agent->groups == std::vector<gid_t>{100, 27, 101});
  const auto root = account_in(files.passwd, files.group, "root");
  REQUIRE(root);
  CHECK(root->groups == std::vector<gid_t>{0});
}

TEST_CASE("account_that_is_not_there_in_whole_is_none") {
  const std::string group = "root:x:0:\n";
  CHECK(account_in("a:x:1:2::/h:/s\n", group, "a"));
  CHECK(account_in("a:x:1:2::/h:\n", group, "a")->shell == "/bin/sh");
  CHECK_FALSE(account_in("a:x:1:2::/h:/s\n", group, "b"));
  CHECK_FALSE(account_in("a:x:1:2::/h:/s\n", group, ""));
  for (const char* wrong : {"", "a", "a:x:1:2::/h\n", "a:x:one:2::/h:/s\n", "a:x:1:-2::/h:/s\n", "a:x::2::/h:/s\n",
                            "a:x:1:2::/h:/s:more\n", "a:x:4294967295:2::/h:/s\n"})
    CHECK_MESSAGE(!account_in(wrong, group, "a"), wrong);
  CHECK(account_in("a:x:1:2::/h:/s\n", "g:x:3:b,aa\nh:x:4:b,a\nbroken:x:5\ni:x:x:a\n", "a")->groups ==
        std::vector<gid_t>{2, 4});
}
