// The HTTP status codes that have a series of their own: those of the IANA registry. An origin may answer any number,
// and what an origin says never becomes a label; the rest is code="other".
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace enforcer::metrics {

inline constexpr std::array<std::uint16_t, 61> kHttpCodes{
    100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307,
    308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422,
    423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511};
static_assert(std::ranges::is_sorted(kHttpCodes));

inline constexpr std::size_t kHttpCodeCount = kHttpCodes.size() + 1;  ///< the last one is "other"

/// Where a status is counted: its place in kHttpCodes, or one behind.
constexpr std::size_t http_code_index(unsigned status) {
  const auto* const found = std::ranges::lower_bound(kHttpCodes, status);
  if (found == kHttpCodes.end() || *found != status) return kHttpCodes.size();
  return static_cast<std::size_t>(found - kHttpCodes.begin());
}

}  // namespace enforcer::metrics
