// Exposition: turns what the workers counted, the counters of the datapath and the state of the daemon into the text
// that Prometheus scrapes.
//
// It also owns what must outlive a single scrape: which guests have series (a guest that is gone keeps its own for 10
// minutes, so that its last minutes are scraped), the cap on series per guest (beyond, rule="other"; once a series is
// counted under a name it stays there, so that no counter ever falls), the datapath counts of guests that are gone, and
// series that exist before their first event (0 is an answer, absent is not). Guests that `run` named by itself
// ("run-…") share guest="run".
//
// One thread owns it. A scrape: copy every worker's counts on its thread, gather Gauges, render(). Rendering costs
// about a millisecond per thousand series: with thousands of guests give it a thread of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "abi.h"
#include "base/deadline.h"
#include "base/ids.h"
#include "metrics/review_counts.h"
#include "metrics/worker_metrics.h"

namespace enforcer::metrics {

/// The state of the daemon at the time of the scrape.
struct Gauges {
  enum class Component : std::uint8_t { kDown, kUp };
  Component hostd = Component::kDown;
  Component datapath = Component::kDown;  ///< the steering map has our listeners

  std::uint64_t guests_booting = 0;
  std::uint64_t guests_running = 0;
  std::uint64_t guests_paused = 0;

  std::uint64_t policy_generation = 0;
  enum class Reload : std::uint8_t { kFailed, kSucceeded };
  Reload last_reload = Reload::kSucceeded;
  std::optional<WallClock::time_point> last_reload_success{};

  std::uint64_t audit_events = 0;        ///< Log::events()
  std::uint64_t audit_write_errors = 0;  ///< Log::write_errors()
  std::uint64_t audit_copy_errors = 0;   ///< Log::copy_errors()

  struct Map {
    std::string name{};  ///< of the BPF map
    std::uint64_t entries = 0;
    std::uint64_t capacity = 0;
  };
  std::vector<Map> maps{};

  struct CredentialEnd {
    std::string credential{};
    WallClock::time_point time{};
  };
  std::vector<CredentialEnd> credential_ends{};  ///< Keyring::end_of(), of loaded credentials that have one

  ReviewCounts review{};
};

class Exposition {
 public:
  static constexpr std::chrono::minutes kRetention{10};

  /// `version` for build_info; `series_per_guest` from the config (metrics.perGuestSeries).
  Exposition(std::string version, std::size_t series_per_guest);
  ~Exposition();
  Exposition(const Exposition&) = delete;
  Exposition& operator=(const Exposition&) = delete;

  /// A guest was attached (or found after a restart). The same label within its retention gets the same series again.
  GuestSeries guest_attached(Slot slot, const GuestName& name);

  /// The guest is gone; its series stay for kRetention. Give its last datapath counters to datapath() before.
  void guest_left(Slot slot, Monotonic::time_point now);

  /// The guests whose retention ended: their series are gone from here; every worker's WorkerMetrics::forget() must be
  /// told. Call it about once a minute, whether anybody scrapes or not.
  [[nodiscard]] std::vector<GuestSeries> expire(Monotonic::time_point now);

  /// The deny rules of the policies now in force: their series are shown from the start, at 0.
  void set_deny_rules(std::span<const policy::RuleInfo* const> rules);

  /// The names of the credentials now loaded: these and no others have series, from the start.
  void set_credentials(std::vector<std::string> names);

  /// A reload took this long, from reading the files to the new generation in force.
  void policy_applied(std::chrono::nanoseconds duration);

  /// The datapath's counters of one guest, as they are in the map now. Slot 0: frames of nobody, shown with guest="".
  void datapath(Slot slot, const enforcer_counters& counters);

  /// The whole exposition, text format 0.0.4.
  [[nodiscard]] std::string render(std::span<const WorkerCounts> workers, const Gauges& gauges);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace enforcer::metrics
