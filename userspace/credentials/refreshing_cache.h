// RefreshingCache: values that somebody has to be waited for: a command, a vault, a token service.
//
// One fetch per key is under way at a time, whoever waits for it. A value is used until shortly before its expiry (five
// minutes after it came, when it has none), and fetched again when somebody asks after about four fifths of that; until
// the new one is there, the old one is used. What is never asked for costs nothing. After a failure nothing is fetched
// for some seconds, or a guest's retries would become work for others.
//
// Two clocks watch over a value, and whichever says that it has ended is believed: the wall clock may be set at any
// time, and the monotonic one stands still while the host sleeps.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "credentials/value.h"

namespace enforcer::credentials {

/// What time it is; tests say it themselves.
struct Clocks {
  std::function<Monotonic::time_point()> monotonic = Monotonic::now;
  std::function<WallClock::time_point()> wall = WallClock::now;
};

/// Thread: that of `io`. What runs on it may go on after the cache is gone.
class RefreshingCache {
 public:
  struct Key {
    std::string credential;  ///< its name
    std::string part;        ///< tells values of one credential apart (a guest's own session); mostly empty
    friend std::strong_ordering operator<=>(const Key&, const Key&) = default;
  };

  /// Gets the value by the deadline, which is kPatience from the beginning and not that of who waits. The function is
  /// kept, with what it has captured, until what it returned has ended. Its errors are told to those who wait and are
  /// logged with the credential's name, so they hold no byte of a secret.
  using Fetch = std::function<boost::asio::awaitable<Result<Value>>(Deadline)>;

  static constexpr std::chrono::seconds kPatience{30};
  /// How long a value without an expiry is used.
  static constexpr std::chrono::minutes kWithoutExpiry{5};
  /// How long nothing is fetched after a failure.
  static constexpr std::chrono::seconds kAfterFailure{5};
  /// So many values are kept; then the one that was used longest ago goes.
  static constexpr std::size_t kMaxEntries = 4096;

  explicit RefreshingCache(boost::asio::io_context& io, Clocks clocks = {}, std::size_t max_entries = kMaxEntries);
  ~RefreshingCache();
  RefreshingCache(const RefreshingCache&) = delete;
  RefreshingCache& operator=(const RefreshingCache&) = delete;

  /// The value as it is now, never past its expiry. `fingerprint` says how it is come by (the command, the address; no
  /// secret): what was kept under another one is let go. kTimeout: it has not come by the deadline, and may be there
  /// for the next caller. kUnavailable: what came had already expired, or kMaxEntries fetches are under way. Other
  /// errors are those of the fetch, now or some seconds ago.
  boost::asio::awaitable<Result<Value>> get(Key key, std::string fingerprint, Fetch fetch, Deadline deadline);

  /// What get() would say without waiting; nothing: it would fetch. The last failure, if there is no value.
  [[nodiscard]] std::optional<Result<Value>> look(const Key& key, std::string_view fingerprint) const;

  /// Lets go of all values of this credential: the next get() fetches. What is under way still goes to those who wait
  /// for it, and is not kept: it may be from before. Nor is there a quiet after a failure.
  void forget(std::string_view credential);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Flight;

  struct Entry {
    std::string fingerprint;
    std::optional<Value> value;
    Monotonic::time_point usable_until;
    Monotonic::time_point refresh_at;
    std::optional<Error> failure;
    Monotonic::time_point retry_at;
    Monotonic::time_point used_at;
    std::shared_ptr<Flight> flight;
  };
  using Entries = std::map<Key, Entry>;

  [[nodiscard]] bool is_usable(const Entry& entry) const;
  [[nodiscard]] bool is_idle(const Entry& entry) const;
  Entry* entry_of(const Key& key, const std::string& fingerprint);
  bool make_room();
  static void let_go(Entry& entry);
  std::shared_ptr<Flight> begin(const Key& key, Entry& entry, Fetch fetch);
  static void land(Flight& flight, Result<Value> outcome);
  void keep(Entry& entry, const Result<Value>& outcome);

  boost::asio::io_context& io_;
  const Clocks clocks_;
  const std::size_t max_entries_;
  std::minstd_rand random_;
  Entries entries_;
  std::size_t sweep_at_;  ///< with so many entries, those that hold nothing any more are removed
};

}  // namespace enforcer::credentials
