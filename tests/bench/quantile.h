// quantile(): the q-th of the values, 0 <= q <= 1, which are put into another order; 0 where there are none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace enforcer::bench {

inline std::uint32_t quantile(std::vector<std::uint32_t>& values, double q) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace enforcer::bench
