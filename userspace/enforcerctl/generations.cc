#include "enforcerctl/generations.h"

#include <fmt/format.h>

#include <algorithm>

namespace enforcer::ctl {

std::string numbers_of(const control::GenerationInfo& generation) {
  if (generation.first == generation.last) return std::to_string(generation.first);
  return fmt::format("{}-{}", generation.first, generation.last);
}

Result<std::uint64_t> previous_of(const std::vector<control::GenerationInfo>& generations) {
  const auto in_force = std::ranges::find(generations, true, &control::GenerationInfo::in_force);
  if (in_force == generations.begin() || in_force == generations.end()) {
    return fail(Errc::kNotFound, "no generation before the one in force is kept: see 'enforcerctl policy history'");
  }
  return std::prev(in_force)->last;
}

}  // namespace enforcer::ctl
