// Parameters of a query or of a form (application/x-www-form-urlencoded): "a=1&b=%62", decoded once.
#pragma once

#include <string>
#include <string_view>

namespace enforcer::policy {

struct Parameter {
  std::string name;
  std::string value;
  bool well_formed =
      true;  ///< false: an escape that is none, or an escaped NUL; name and value are then not to be trusted
};

/// How some origins read a query: ';' separates, too.
inline constexpr std::string_view kLenientSeparators = "&;";

/// Takes the next piece off `rest`, as it stands there and without its separator; false when there is none any more.
/// Empty pieces ("a&&b") are skipped.
[[nodiscard]] bool next_piece(std::string_view& rest, std::string_view separators, std::string_view& piece);

/// Takes the next parameter off `rest`; false when there is none any more. `separators`: "&", or
/// kLenientSeparators.
[[nodiscard]] bool next_parameter(std::string_view& rest, std::string_view separators, Parameter& out);

/// A parameter's name as the most lenient origin may compare it: percent-escapes decoded (%75 and IIS's %u0075), lower
/// case, '-' for '_', '.', ' ' and '+' (PHP), nothing from a NUL or '[' on (PHP arrays), no blanks in front.
[[nodiscard]] std::string comparable_parameter(std::string_view name);

}  // namespace enforcer::policy
