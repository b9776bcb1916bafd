#include "metrics/families.h"

#include <prometheus/text_serializer.h>

#include <chrono>

namespace enforcer::metrics {
namespace {

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Families::Family Families::begin(std::string_view name, std::string_view help, prometheus::MetricType type) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = "enforcer_";
  family.name += name;
  family.help = help;
  family.type = type;
  return Family(family);
}

prometheus::ClientMetric& Families::Family::metric(Labels labels) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label.reserve(labels.size());
  for (const auto& [name, value] : labels) metric.label.push_back({name, std::string(value)});
  return metric;
}

Families::Family& Families::Family::add_value(Labels labels, double value) {
  prometheus::ClientMetric& added = metric(labels);
  if (family_.type == prometheus::MetricType::Counter) {
    added.counter.value = value;
  } else {
    added.gauge.value = value;
  }
  return *this;
}

Families::Family& Families::Family::add_buckets(Labels labels, std::span<const std::uint32_t> bounds,
                                                std::span<const std::uint64_t> counts, std::chrono::nanoseconds sum) {
  prometheus::ClientMetric& added = metric(labels);
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    cumulative += counts[i];
    added.histogram.bucket.push_back({cumulative, seconds(std::chrono::microseconds(bounds[i]))});
  }
  added.histogram.sample_count = cumulative + counts.back();
  added.histogram.sample_sum = seconds(sum);
  return *this;
}

std::string Families::text() const {
  return prometheus::TextSerializer().Serialize(families_);
}

}  // namespace enforcer::metrics
