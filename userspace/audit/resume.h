// Where the chain of a log goes on when its writer starts again: after the last record in the files, or, when the head
// file knows of a later one, after that. A log whose end somebody cut off or wrote himself is so noticed, its numbers
// do not go back, and verify finds the place.
#pragma once

#include <cstdint>
#include <string>

#include "audit/chain.h"
#include "base/result.h"

namespace enforcer::audit {

struct Resumption {
  Head head;                  ///< the record before the next
  std::string problem;        ///< one line for people; empty when the files end as they were left
  std::uint64_t missing = 0;  ///< records that are known to be gone; 0 also where nobody can know
};

/// Reads the head file and the files from their end, as far as the record that the head file names. kIo: the system
/// refused.
Result<Resumption> find_end(const std::string& path);

}  // namespace enforcer::audit
