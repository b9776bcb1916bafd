#include "boot_parameters.h"

#include <doctest/doctest.h>

#include <string>

#include "../temporary_folder.h"

using namespace enforcer::guest;
using enforcer::TemporaryFolder;

namespace {

BootParameters parameters_of(const std::string& command_line) {
  const TemporaryFolder folder;
  return read_boot_parameters(folder.write("cmdline", command_line).c_str());
}

}  // namespace

TEST_CASE("boot_parameters_are_words_of_the_command_line") {
  const auto given = parameters_of(
      "console=ttyS0 enforcer.name=g1 enforcer.ipv4=10.0.0.2 enforcer.gateway4=10.0.0.1 enforcer.ipv6=fd00::2 "
      "enforcer.gateway6=fd00::1 enforcer.root=erofs enforcer.user=1000:100 enforcer.workspace=ws0:rw:/srv/b "
      "enforcer.workspace=ws1:ro:/srv/a%3Dc=\n");
  CHECK(given.name == "g1");
  CHECK(given.ipv4->to_string() == "10.0.0.2");
  CHECK(given.gateway_ipv6->to_string() == "fd00::1");
  CHECK(given.root == "erofs");
  CHECK(given.user == "1000:100");
  CHECK(given.workspaces == std::vector<std::string>{"ws0:rw:/srv/b", "ws1:ro:/srv/a%3Dc="});
}

TEST_CASE("boot_parameters_that_are_missing_or_no_addresses_are_not_there") {
  const auto given = parameters_of("quiet root=/dev/vda user=1:1 enforcer.ipv4=10.0.0.256 enforcer.workspace\n");
  CHECK(given.name == "guest");
  CHECK_FALSE(given.ipv4);
  CHECK_FALSE(given.gateway_ipv4);
  CHECK(given.root.empty());
  CHECK(given.user.empty());
  CHECK(given.workspaces.empty());
  CHECK(read_boot_parameters("/nonexistent").name == "guest");
}
