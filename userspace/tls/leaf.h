// Leaf: the certificate a guest is shown for one name, with its key.
//
// Minting one is about 40 µs because the key is not made with it: all leaves of a process share one key (LeafKey),
// which is never the CA's. Whoever has it can be any origin to any guest whose CA signed it, so it is never written
// down.
#pragma once

#include <chrono>

#include "base/deadline.h"
#include "base/host_name.h"
#include "base/result.h"
#include "tls/handles.h"

namespace enforcer::tls {

/// Guests' clocks run slow (a paused guest's by its pause), so a leaf is valid since before it was made.
inline constexpr std::chrono::hours kLeafBackdated{2 * 24};
inline constexpr std::chrono::hours kLeafValid{7 * 24};

/// The P-256 key of leaves. One per process or per worker; may be shared between threads.
class LeafKey {
 public:
  static Result<LeafKey> make();
  LeafKey(const LeafKey& other) : key_(share(other.key_)) {}
  LeafKey(LeafKey&&) = default;
  LeafKey& operator=(const LeafKey&) = delete;
  LeafKey& operator=(LeafKey&&) = default;
  ~LeafKey() = default;
  [[nodiscard]] const KeyHandle& handle() const { return key_; }

 private:
  explicit LeafKey(KeyHandle key) : key_(std::move(key)) {}
  KeyHandle key_;
};

/// Immutable.
class Leaf {
 public:
  Leaf(CertificateHandle certificate, KeyHandle key, WallClock::time_point minted_at)
      : certificate_(std::move(certificate)), key_(std::move(key)), minted_at_(minted_at) {}

  [[nodiscard]] const CertificateHandle& certificate() const { return certificate_; }
  [[nodiscard]] const KeyHandle& key() const { return key_; }
  [[nodiscard]] WallClock::time_point minted_at() const { return minted_at_; }

 private:
  CertificateHandle certificate_;
  KeyHandle key_;
  WallClock::time_point minted_at_;
};

}  // namespace enforcer::tls
