// The one path: what rules match, what is sent to the origin and what is logged (attack: `..`, `%2e`, `//`, `%2f`, `\`,
// `;`).
//
// A path is made canonical once: unreserved escapes decoded, all other escapes in upper case, octets that are not
// allowed to stand raw escaped, dot segments resolved, runs of slashes collapsed. `%2F` stays an octet inside its
// segment (npm scopes). Where an origin could still read the result differently, the path is ambiguous and refused:
//   a backslash, raw or escaped; an escaped control character; escapes that are not valid UTF-8
//   an escape of an escape that hides one of . / \ % or a control character ("%252e")
//   a segment that decoding %2F or cutting at ';' would turn into "", "." or ".."
//   ".." behind an empty segment ("/a//../b" is /a/b or /b), or above the root
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer::http {

struct RequestPath {
  std::string path = "/";            ///< canonical, begins with '/'
  std::optional<std::string> query;  ///< behind the '?', untouched; printable ASCII

  bool shortened = false;  ///< empty and dot segments were taken out: not for services to which they mean something

  [[nodiscard]] std::string target() const;  ///< path, or path?query
};

/// From a request target in origin form ("/path?query"). kInvalid with a constant message when it is no such target or
/// ambiguous.
[[nodiscard]] Result<RequestPath> canonical_path(std::string_view target);

}  // namespace enforcer::http
