#include "boot_parameters.h"

#include <fstream>
#include <map>
#include <string_view>

namespace enforcer::guest {

BootParameters read_boot_parameters(const char* command_line_file) {
  constexpr std::string_view kPrefix = "enforcer.";
  std::map<std::string, std::string> given;
  std::ifstream words(command_line_file);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (!word.starts_with(kPrefix) || equals == std::string::npos) continue;
    given[word.substr(kPrefix.size(), equals - kPrefix.size())] = word.substr(equals + 1);
  }
  const auto address = [&](const char* key) -> std::optional<IpAddress> {
    const auto parsed = IpAddress::parse(given[key]);
    return parsed ? std::optional(*parsed) : std::nullopt;
  };
  BootParameters parameters{.ipv4 = address("ipv4"),
                            .gateway_ipv4 = address("gateway4"),
                            .ipv6 = address("ipv6"),
                            .gateway_ipv6 = address("gateway6")};
  if (!given["name"].empty()) parameters.name = given["name"];
  return parameters;
}

}  // namespace enforcer::guest
