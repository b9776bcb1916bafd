// Where the bench's clients connect to: a file with an address and a name in each line.
#pragma once

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace enforcer::bench {

/// One Target for each line, made by make(place, name). Ends the program at a line that has no IPv4 address.
template <typename Target, typename Make>
std::vector<Target> read_targets(const char* path, Make make) {
  constexpr int kPort = 443;
  std::vector<Target> targets;
  std::ifstream file(path);
  std::string address;
  std::string name;
  while (file >> address >> name) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(kPort);
    if (inet_pton(AF_INET, address.c_str(), &place.sin_addr) != 1) {
      fmt::print(stderr, "{}:{}: '{}' is not an IPv4 address\n", path, targets.size() + 1, address);
      std::exit(2);
    }
    targets.push_back(make(place, name));
  }
  return targets;
}

}  // namespace enforcer::bench
