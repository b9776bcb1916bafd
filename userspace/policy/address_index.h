// AddressIndex: all rules whose block holds an address: every match and not only the longest one, because a deny of a
// /8 beats an allow inside it. One hash lookup for each prefix length in use (at most 32 for IPv4, 128 for IPv6),
// whatever the number of rules.
#pragma once

#include <array>
#include <unordered_map>
#include <vector>

#include "base/ip.h"
#include "policy/match_list.h"

namespace enforcer::policy {

class AddressIndex {
 public:
  void add(const Cidr& block, TargetEntry entry);
  /// After the last add(): sorts the runs.
  void seal();
  void find(const IpAddress& address, MatchList& out) const;

 private:
  struct Length {
    int mapped_length;
    bool v4;
    std::unordered_map<IpAddress, std::vector<TargetEntry>> blocks;
  };
  std::vector<Length> lengths_;
};

}  // namespace enforcer::policy
