#include "policy/loose_path.h"

namespace enforcer::policy {

bool ambiguous(std::string_view path) {
  return path.contains(';') || path.contains("%2F") || path.contains("%3B");
}

std::string loosely(std::string_view path) {
  std::string out;
  bool in_parameters = false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string_view rest = path.substr(i);
    const bool escaped_slash = rest.starts_with("%2F");
    in_parameters =
        rest.starts_with(';') || rest.starts_with("%3B") || (in_parameters && rest[0] != '/' && !escaped_slash);
    if (!in_parameters) out += escaped_slash ? '/' : rest[0];
    if (escaped_slash) i += 2;
  }
  return out;
}

}  // namespace enforcer::policy
