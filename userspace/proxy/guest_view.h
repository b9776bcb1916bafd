// GuestView: what one worker keeps of one guest. Only that worker's thread touches it.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/deadline.h"
#include "base/result.h"
#include "metrics/worker_metrics.h"
#include "net/signal.h"
#include "policy/guest_policy.h"
#include "proxy/checked_addresses.h"
#include "proxy/guest.h"
#include "proxy/origin_pool.h"
#include "tls/leaf_cache.h"

namespace enforcer::proxy {

class Decisions;
class KnownPlaceholders;

/// What one guest does with its network, as one worker saw it since the guest came. Names that were asked for,
/// connections and requests count alike, each decision once; one that people agreed to is held first and allowed then.
struct GuestUse {
  std::uint64_t allowed = 0;
  std::uint64_t denied = 0;
  std::uint64_t held = 0;

  void count(policy::Action action) {
    ++(action == policy::Action::kAllow ? allowed : action == policy::Action::kDeny ? denied : held);
  }
  GuestUse& operator+=(const GuestUse& other) {
    allowed += other.allowed;
    denied += other.denied;
    held += other.held;
    return *this;
  }
};

/// A lookup under way, for all connections of the guest that want the same name at once.
struct SharedLookup {
  std::list<net::Signal> waiting;
  std::optional<Error> failure;
};

struct GuestView {
  std::shared_ptr<Guest> guest;
  std::shared_ptr<const policy::GuestPolicy> policy;
  metrics::GuestSeries series{};
  std::unordered_map<HostName, CheckedAddresses> origins;
  std::unordered_map<HostName, std::shared_ptr<SharedLookup>> lookups;
  std::unique_ptr<OriginPool> origin_pool;
  std::unordered_map<std::string, net::RateLimit> new_names;  ///< by open suffix; only where DNS is answered
  std::unique_ptr<tls::LeafCache> leaves;
  std::list<Decisions*> decided;  ///< to be decided again after a reload, closed when the guest goes
  /// Made when they are first asked for; a reload forgets them.
  [[nodiscard]] std::shared_ptr<const KnownPlaceholders> placeholders(std::string_view instance);
  std::shared_ptr<const KnownPlaceholders> known_placeholders;
  int pipes_lent = 0;
  GuestUse use;

  /// The guest's vCPUs do not run, so it cannot be late; what it is waited for counts from when it runs again.
  void freeze() { frozen_ = true; }
  void thaw() {
    frozen_ = false;
    stood_still_ = Monotonic::now();
  }
  /// When it last stood still: now, or before every other time if it never did.
  [[nodiscard]] Monotonic::time_point stood_still() const { return frozen_ ? Monotonic::now() : stood_still_; }
  /// Of the guest, in force with `policy`. Never null.
  std::shared_ptr<const Labels> labels = std::make_shared<const Labels>();
  /// What is left of so long since it last stood still; nothing: it is late.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> still_has(std::chrono::nanoseconds limit) const;
  /// Sends what RST may follow: one attempt, no wait, and only so often.
  void answer_at_once(int socket, Bytes answer);

 private:
  /// As ICMP errors have a rate (RFC 1812 4.3.2.8): past it a guest that hammers gets RST alone.
  net::RateLimit answers_at_once_{400, std::chrono::seconds(1)};
  bool frozen_ = false;
  Monotonic::time_point stood_still_ = Monotonic::time_point::min();
};

}  // namespace enforcer::proxy
