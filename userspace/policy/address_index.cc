#include "policy/address_index.h"

#include <algorithm>

namespace enforcer::policy {
namespace {

IpAddress masked(const IpAddress& address, int length) {
  auto octets = address.bytes();
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const int keep = std::clamp(length - 8 * static_cast<int>(i), 0, 8);
    octets[i] = static_cast<std::uint8_t>(octets[i] & (0xff00 >> keep));
  }
  return IpAddress(octets);
}

}  // namespace

void AddressIndex::add(const Cidr& block, TargetEntry entry) {
  // ::/0 holds the mapped form of every IPv4 address, and yet it means IPv6: the families stay apart.
  auto length = std::ranges::find_if(
      lengths_, [&](const Length& l) { return l.mapped_length == block.mapped_length() && l.v4 == block.is_v4(); });
  if (length == lengths_.end()) length = lengths_.insert(length, {block.mapped_length(), block.is_v4(), {}});
  length->blocks[block.network()].push_back(entry);
}

void AddressIndex::seal() {
  for (Length& length : lengths_) {
    for (auto& [network, entries] : length.blocks) std::ranges::sort(entries, {}, &TargetEntry::rule);
  }
}

void AddressIndex::find(const IpAddress& address, MatchList& out) const {
  for (const Length& length : lengths_) {
    if (length.v4 != address.is_v4()) continue;
    ++out.steps;
    const auto found = length.blocks.find(masked(address, length.mapped_length));
    if (found != length.blocks.end()) out.add(found->second);
  }
}

}  // namespace enforcer::policy
