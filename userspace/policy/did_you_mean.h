// Did you mean …?
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace enforcer::policy {

/// The smallest number of single-character changes and swaps of neighbours that turn one word into the other
/// (Damerau-Levenshtein, restricted).
[[nodiscard]] std::size_t edit_distance(std::string_view one, std::string_view other);

/// "did you mean 'paths'?" when one of the known words is near enough to be meant, otherwise nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace enforcer::policy
