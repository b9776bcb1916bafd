// The counters that the BPF programs keep for each guest, read through the read-only map descriptor that hostd hands
// over.
#pragma once

#include <cstddef>
#include <optional>

#include "abi.h"
#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"

namespace enforcer::enforcerd {

class DatapathCounters {
 public:
  /// kIo when the machine's number of possible processors cannot be read (a per-CPU map has one value for each of
  /// them).
  static Result<DatapathCounters> make(Fd map);

  /// The sums over all processors; nothing when the guest has no entry.
  [[nodiscard]] std::optional<enforcer_counters> read(Slot slot) const;

 private:
  DatapathCounters(Fd map, std::size_t processors) : map_(std::move(map)), processors_(processors) {}
  Fd map_;
  std::size_t processors_;
};

}  // namespace enforcer::enforcerd
