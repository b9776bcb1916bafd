// Families: metric families in the making, and their text. The only file that sees prometheus-cpp besides its .cc.
#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/histogram.h"

namespace enforcer::metrics {

class Families {
 public:
  using Labels = std::initializer_list<std::pair<const char*, std::string_view>>;

  /// One family under construction; valid until the next one is begun.
  class Family {
   public:
    Family& add(Labels labels, std::uint64_t value) { return add_value(labels, static_cast<double>(value)); }
    Family& add_value(Labels labels, double value);
    template <auto bounds>
    Family& add_histogram(Labels labels, const Histogram<bounds>& histogram) {
      return add_buckets(labels, bounds, histogram.counts(), histogram.sum());
    }

   private:
    friend class Families;
    explicit Family(prometheus::MetricFamily& family) : family_(family) {}
    /// `counts`: one more than `bounds`, which are in microseconds.
    Family& add_buckets(Labels labels, std::span<const std::uint32_t> bounds, std::span<const std::uint64_t> counts,
                        std::chrono::nanoseconds sum);
    prometheus::ClientMetric& metric(Labels labels);
    prometheus::MetricFamily& family_;
  };

  /// `name` without the prefix enforcer_.
  Family counter(std::string_view name, std::string_view help) {
    return begin(name, help, prometheus::MetricType::Counter);
  }
  Family gauge(std::string_view name, std::string_view help) {
    return begin(name, help, prometheus::MetricType::Gauge);
  }
  Family histogram(std::string_view name, std::string_view help) {
    return begin(name, help, prometheus::MetricType::Histogram);
  }

  /// Text format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  Family begin(std::string_view name, std::string_view help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace enforcer::metrics
