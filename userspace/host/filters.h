// The filters of tc on one side of an interface. The kernel runs them by priority, and within one priority in an order
// that only a dump tells: a new cls_bpf filter comes before those of its priority.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "host/attachment.h"

namespace enforcer::host {

struct Filter {
  std::uint32_t handle = 0;
  std::uint32_t priority = 0;
  std::uint32_t program_id = 0;  ///< 0: it is no BPF program
  bool direct = false;           ///< what the program returns is the verdict

  friend bool operator==(const Filter&, const Filter&) = default;
};

/// The one that runs first, in the calling thread's namespace; nothing: there is none, or no clsact.
[[nodiscard]] Result<std::optional<Filter>> first_filter(std::uint32_t interface_index, Direction direction);

/// Removes all filters of that priority, of whatever kind.
Result<> remove_filters(std::uint32_t interface_index, Direction direction, std::uint32_t priority);

}  // namespace enforcer::host
