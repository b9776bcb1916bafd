#include "tls/leaf_cache.h"

#include "tls/certificate_builder.h"

namespace enforcer::tls {
namespace {

constexpr std::chrono::hours kMaxAge{24};

/// Also not when the clock went back behind its making.
bool usable(const Leaf& leaf, WallClock::time_point now) {
  return now >= leaf.minted_at() && now - leaf.minted_at() < kMaxAge;
}

}  // namespace

Result<LeafKey> LeafKey::make() {
  return LeafKey(TRY(make_key()));
}

LeafCache::LeafCache(std::shared_ptr<const CertificateAuthority> authority, LeafKey key, std::size_t capacity)
    : authority_(std::move(authority)), key_(std::move(key)), capacity_(capacity) {
  ENFORCER_CHECK(capacity_ > 0);
}

Result<std::shared_ptr<const Leaf>> LeafCache::leaf_for(const HostName& host, WallClock::time_point now) {
  const auto found = by_name_.find(host);
  if (found != by_name_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    if (usable(*found->second->leaf, now)) return found->second->leaf;
  }
  auto leaf = TRY(authority_->issue(host, key_, now));
  ++minted_;
  if (found != by_name_.end()) {
    found->second->leaf = leaf;
    return leaf;
  }
  if (by_name_.size() == capacity_) {
    by_name_.erase(entries_.back().host);
    entries_.pop_back();
  }
  entries_.push_front({host, leaf});
  by_name_.emplace(host, entries_.begin());
  return leaf;
}

}  // namespace enforcer::tls
