// Durations in fixed buckets: what machines take, and what people take.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace enforcer::metrics {

/// `bounds`: upper bounds in microseconds, rising, inclusive; one more bucket takes what is longer.
template <auto bounds>
class Histogram {
 public:
  static constexpr auto kBounds = bounds;

  void observe(std::chrono::nanoseconds duration) {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && duration > std::chrono::microseconds(kBounds[bucket])) ++bucket;
    ++counts_[bucket];
    sum_ += duration;
  }

  void merge(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    sum_ += other.sum_;
  }

  [[nodiscard]] const std::array<std::uint64_t, kBounds.size() + 1>& counts() const { return counts_; }
  [[nodiscard]] std::chrono::nanoseconds sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  std::chrono::nanoseconds sum_{};
};

/// 50 µs to 1 s.
using DurationHistogram = Histogram<std::array<std::uint32_t, 14>{
    50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000}>;
/// 1 s to 1 h.
using WaitHistogram =
    Histogram<std::array<std::uint32_t, 10>{1'000'000, 5'000'000, 15'000'000, 30'000'000, 60'000'000, 120'000'000,
                                            300'000'000, 600'000'000, 1'800'000'000, 3'600'000'000}>;

}  // namespace enforcer::metrics
