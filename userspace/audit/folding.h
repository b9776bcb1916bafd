// Folding: a guest that repeats a denied attempt in a loop costs one record a second, not a thousand (invariant 3).
//
// The first denial is written at once. Those of the next second whose records would say the same in every field but the
// id are counted, and written as one record with `count` when the second is over. They all go by the id of the first:
// that is what the guest is told, so that the id in its error message is found in the log.
//
// "The same" is decided on the text of the record, which already holds guest, epoch, layer, reason, rule, names, port,
// path and generation: no second notion of identity that could forget a field, and nothing here points into a policy.
//
// Belongs to one worker; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/deadline.h"
#include "base/ids.h"

namespace enforcer::audit {

class Folding {
 public:
  static constexpr std::chrono::seconds kWindow{1};
  /// Different denials that may be open at once; further ones are all written. What a guest can cause stays bounded.
  static constexpr std::size_t kMaxOpen = 4096;

  /// The id of the denial that this one repeats; it is counted there. None: this is the first, write it.
  std::optional<DecisionId> repeats(std::string_view tail, const DecisionId& id, Monotonic::time_point now);

  /// Closes every window that ended by `now`; calls `summarise(id, tail, count)` for those with repeats, oldest first.
  void flush_due(
      Monotonic::time_point now,
      const std::function<void(const DecisionId& id, std::string_view tail, std::uint64_t count)>& summarise);

  /// When the oldest open window ends; none when nothing is open.
  [[nodiscard]] std::optional<Monotonic::time_point> next_due() const;

 private:
  struct Window {
    DecisionId first;
    std::uint64_t repeats = 0;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Windows = std::unordered_map<std::string, Window, TextHash, std::equal_to<>>;
  struct Due {
    Monotonic::time_point when;
    Windows::pointer window;  ///< an element stays where it is when others come and go
  };

  Windows open_;
  std::deque<Due> due_;  ///< in order of opening, which is the order of ending
};

}  // namespace enforcer::audit
