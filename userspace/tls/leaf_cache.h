// LeafCache: the leaves of one guest on one worker, least recently used out first: a guest that asks for a new name
// each time costs a signature each time and never more than this much memory (invariant 10).
//
// Thread: one worker.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include "tls/authority.h"
#include "tls/leaf.h"

namespace enforcer::tls {

class LeafCache {
 public:
  static constexpr std::size_t kCapacity = 1024;  // about 2 KiB each

  /// Leaves by `authority`, with `key`.
  LeafCache(std::shared_ptr<const CertificateAuthority> authority, LeafKey key, std::size_t capacity = kCapacity);

  /// The leaf for a name that was decided on. A leaf is used for a day at most, so what a guest sees always has six
  /// days left and a wrong clock heals within one.
  Result<std::shared_ptr<const Leaf>> leaf_for(const HostName& host, WallClock::time_point now = WallClock::now());

  /// How many were minted since the cache was made.
  [[nodiscard]] std::uint64_t minted() const { return minted_; }
  [[nodiscard]] std::size_t size() const { return by_name_.size(); }

 private:
  struct Entry {
    HostName host;
    std::shared_ptr<const Leaf> leaf;
  };
  using Entries = std::list<Entry>;  // most recently used first

  std::shared_ptr<const CertificateAuthority> authority_;
  LeafKey key_;
  std::size_t capacity_;
  Entries entries_;
  std::unordered_map<HostName, Entries::iterator> by_name_;
  std::uint64_t minted_ = 0;
};

}  // namespace enforcer::tls
