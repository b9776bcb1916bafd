#include "host/tsc.h"

#include <fmt/format.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace enforcer::host {
namespace {

constexpr std::size_t kSamples = 5;
constexpr long kSampleNanoseconds = 20'000'000;

struct Instant {
  std::uint64_t tsc = 0;
  std::uint64_t nanoseconds = 0;
};

/// Both clocks at one moment. Of several tries the one that took the fewest cycles counts: an interrupt between the two
/// readings would be the whole error of the measurement.
Instant now() {
  Instant best;
  std::uint64_t shortest = UINT64_MAX;
  for (int attempt = 0; attempt < 8; ++attempt) {
    timespec clock{};
    const std::uint64_t before = __rdtsc();
    clock_gettime(CLOCK_MONOTONIC_RAW, &clock);
    const std::uint64_t took = __rdtsc() - before;
    if (took >= shortest) continue;
    shortest = took;
    best.tsc = before + took / 2;
    best.nanoseconds =
        static_cast<std::uint64_t>(clock.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(clock.tv_nsec);
  }
  return best;
}

std::uint64_t sample_khz() {
  const Instant begin = now();
  const timespec pause{0, kSampleNanoseconds};
  nanosleep(&pause, nullptr);  // cut short by a signal is fine: the interval is measured
  const Instant end = now();
  if (end.tsc <= begin.tsc || end.nanoseconds <= begin.nanoseconds) return 0;
  return (end.tsc - begin.tsc) * 1'000'000 / (end.nanoseconds - begin.nanoseconds);
}

Result<std::uint32_t> measure() {
  std::array<std::uint64_t, kSamples> khz{};
  std::ranges::generate(khz, sample_khz);
  std::ranges::sort(khz);
  const std::uint64_t median = khz[kSamples / 2];
  // Linux itself distrusts a TSC below 100 MHz or above 10 GHz.
  if (median < 100'000 || median > 10'000'000)
    return fail(Errc::kUnavailable,
                fmt::format("the time stamp counter of this host measures as {} kHz, which makes no "
                            "sense: guests cannot boot without it",
                            median));
  return static_cast<std::uint32_t>(median);
}

}  // namespace

Result<std::uint32_t> host_tsc_khz() {
  static const Result<std::uint32_t> measured = measure();
  return measured;
}

}  // namespace enforcer::host
