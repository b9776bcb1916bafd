#include "boot_parameters.h"

#include <fstream>
#include <map>
#include <string_view>

namespace enforcer::guest {

BootParameters read_boot_parameters(const char* command_line_file) {
  constexpr std::string_view kPrefix = "enforcer.";
  std::map<std::string, std::string> given;
  BootParameters parameters;
  std::ifstream words(command_line_file);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (!word.starts_with(kPrefix) || equals == std::string::npos) continue;
    const std::string key = word.substr(kPrefix.size(), equals - kPrefix.size());
    if (key == "workspace") parameters.workspaces.push_back(word.substr(equals + 1));
    given[key] = word.substr(equals + 1);
  }
  const auto address = [&](const char* key) -> std::optional<IpAddress> {
    const auto parsed = IpAddress::parse(given[key]);
    return parsed ? std::optional(*parsed) : std::nullopt;
  };
  parameters.ipv4 = address("ipv4");
  parameters.gateway_ipv4 = address("gateway4");
  parameters.ipv6 = address("ipv6");
  parameters.gateway_ipv6 = address("gateway6");
  parameters.root = given["root"];
  parameters.user = given["user"];
  if (!given["name"].empty()) parameters.name = given["name"];
  return parameters;
}

}  // namespace enforcer::guest
