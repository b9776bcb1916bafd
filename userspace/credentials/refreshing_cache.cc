#include "credentials/refreshing_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

#include "base/log.h"

namespace enforcer::credentials {
namespace {

namespace asio = boost::asio;

/// A request with a value that ends while it travels would be refused: at most this much of its life is given up.
constexpr std::chrono::seconds kMargin{10};
/// Fewer entries are not worth looking through.
constexpr std::size_t kFirstSweep = 64;

}  // namespace

/// One fetch, and those who wait for it.
struct RefreshingCache::Flight {
  RefreshingCache* cache;  ///< keeps what comes; null: it was forgotten, or the cache is gone
  Key key;
  Fetch fetch;  ///< what it returned may refer to it
  std::function<WallClock::time_point()> wall;
  std::vector<std::shared_ptr<asio::steady_timer>> waiting;  ///< cancelled when the outcome is there
  std::optional<Result<Value>> outcome;
};

RefreshingCache::RefreshingCache(asio::io_context& io, Clocks clocks, std::size_t max_entries)
    : io_(io),
      clocks_(std::move(clocks)),
      max_entries_(max_entries),
      random_(std::random_device{}()),
      sweep_at_(std::min(kFirstSweep, max_entries)) {}

RefreshingCache::~RefreshingCache() {
  for (auto& [key, entry] : entries_) let_go(entry);
}

bool RefreshingCache::is_usable(const Entry& entry) const {
  return entry.value && clocks_.monotonic() < entry.usable_until &&
         (!entry.value->expires || clocks_.wall() < *entry.value->expires);
}

bool RefreshingCache::is_idle(const Entry& entry) const {
  return !entry.flight && !is_usable(entry) && clocks_.monotonic() >= entry.retry_at;
}

void RefreshingCache::let_go(Entry& entry) {
  if (entry.flight) entry.flight->cache = nullptr;
  entry.flight.reset();
  entry.value.reset();
}

bool RefreshingCache::make_room() {
  if (entries_.size() < sweep_at_) return true;
  std::erase_if(entries_, [this](const auto& kept) { return is_idle(kept.second); });
  sweep_at_ = std::min(std::max(kFirstSweep, 2 * entries_.size()), max_entries_);
  if (entries_.size() < max_entries_) return true;
  auto oldest = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->second.flight) continue;  // somebody waits for it
    if (oldest == entries_.end() || entry->second.used_at < oldest->second.used_at) oldest = entry;
  }
  if (oldest == entries_.end()) return false;
  entries_.erase(oldest);
  return true;
}

RefreshingCache::Entry* RefreshingCache::entry_of(const Key& key, const std::string& fingerprint) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    return make_room() ? &entries_.emplace(key, Entry{.fingerprint = fingerprint}).first->second : nullptr;
  }
  Entry& entry = found->second;
  if (entry.fingerprint != fingerprint) {
    let_go(entry);
    entry = Entry{.fingerprint = fingerprint};
  }
  return &entry;
}

asio::awaitable<Result<Value>> RefreshingCache::get(Key key, std::string fingerprint, Fetch fetch, Deadline deadline) {
  Entry* const entry = entry_of(key, fingerprint);
  if (entry == nullptr) {
    co_return fail(Errc::kUnavailable, fmt::format("{} values are waited for already", max_entries_));
  }
  const auto now = clocks_.monotonic();
  entry->used_at = now;
  if (is_usable(*entry)) {
    const Value value = *entry->value;
    if (now >= entry->refresh_at && now >= entry->retry_at && !entry->flight) begin(key, *entry, std::move(fetch));
    co_return value;
  }
  auto flight = entry->flight;
  if (!flight) {
    if (entry->failure && now < entry->retry_at) co_return std::unexpected(*entry->failure);
    flight = begin(key, *entry, std::move(fetch));
  }
  // From here on the entry may be gone, and so may this cache.
  const auto timer = std::make_shared<asio::steady_timer>(io_);
  flight->waiting.push_back(timer);
  timer->expires_at(deadline.when());
  while (!flight->outcome && !deadline.passed()) co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  if (flight->outcome) co_return *flight->outcome;
  co_return fail(Errc::kTimeout, "its source has not answered yet");
}

std::optional<Result<Value>> RefreshingCache::look(const Key& key, std::string_view fingerprint) const {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.fingerprint != fingerprint) return std::nullopt;
  const Entry& entry = found->second;
  if (is_usable(entry)) return *entry.value;
  if (entry.failure) return std::unexpected(*entry.failure);
  return std::nullopt;
}

void RefreshingCache::forget(std::string_view credential) {
  auto entry = entries_.lower_bound(Key{.credential = std::string(credential), .part = {}});
  for (; entry != entries_.end() && entry->first.credential == credential; ++entry) {
    let_go(entry->second);
    entry->second.failure.reset();
  }
}

std::shared_ptr<RefreshingCache::Flight> RefreshingCache::begin(const Key& key, Entry& entry, Fetch fetch) {
  const auto flight = std::make_shared<Flight>(
      Flight{.cache = this, .key = key, .fetch = std::move(fetch), .wall = clocks_.wall, .waiting = {}, .outcome = {}});
  entry.flight = flight;
  asio::co_spawn(io_, flight->fetch(Deadline::after(kPatience)),
                 [flight](std::exception_ptr error, Result<Value> outcome) {
                   if (error) outcome = fail(Errc::kUnavailable, "its source failed in a way that it does not know");
                   land(*flight, std::move(outcome));
                 });
  return flight;
}

void RefreshingCache::land(Flight& flight, Result<Value> outcome) {
  if (outcome && outcome->expires && *outcome->expires <= flight.wall()) {
    outcome = fail(Errc::kUnavailable, "the value that came has already expired");
  }
  if (!outcome) log_warning("credential {}: {}", flight.key.credential, outcome.error().message);
  if (flight.cache != nullptr) flight.cache->keep(flight.cache->entries_.at(flight.key), outcome);
  flight.outcome = std::move(outcome);
  for (const auto& timer : flight.waiting) timer->cancel();
}

void RefreshingCache::keep(Entry& entry, const Result<Value>& outcome) {
  entry.flight.reset();
  const auto now = clocks_.monotonic();
  if (!outcome) {
    entry.failure = outcome.error();
    entry.retry_at = now + kAfterFailure;
    return;
  }
  ENFORCER_CHECK(outcome->secret != nullptr);
  entry.failure.reset();
  entry.value = *outcome;
  Monotonic::duration life = kWithoutExpiry;
  if (outcome->expires) {
    // A life of centuries would overflow what is computed from it; a day is as good.
    constexpr WallClock::duration kDay = std::chrono::hours(24);
    life = std::clamp<WallClock::duration>(*outcome->expires - clocks_.wall(), std::chrono::seconds(0), kDay);
  }
  entry.usable_until = now + life - std::min<Monotonic::duration>(life / 20, kMargin);
  // 75-85 %: hosts that got their values together do not come back together.
  entry.refresh_at = now + life / 100 * std::uniform_int_distribution(75, 85)(random_);
}

}  // namespace enforcer::credentials
