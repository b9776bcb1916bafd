// Durations in fixed buckets, 50 µs to 1 s.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace enforcer::metrics {

class DurationHistogram {
 public:
  /// Upper bounds in microseconds, inclusive; one more bucket takes what is longer.
  static constexpr std::array<std::uint32_t, 14> kBounds{50,     100,    250,    500,     1'000,   2'500,   5'000,
                                                         10'000, 25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000};

  void observe(std::chrono::nanoseconds duration) {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && duration > std::chrono::microseconds(kBounds[bucket])) ++bucket;
    ++counts_[bucket];
    sum_ += duration;
  }

  void merge(const DurationHistogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    sum_ += other.sum_;
  }

  [[nodiscard]] const std::array<std::uint64_t, kBounds.size() + 1>& counts() const { return counts_; }
  [[nodiscard]] std::chrono::nanoseconds sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  std::chrono::nanoseconds sum_{};
};

}  // namespace enforcer::metrics
