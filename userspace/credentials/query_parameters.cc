#include "credentials/query_parameters.h"

#include <utility>

namespace enforcer::credentials {

std::string without_parameters(std::string_view query, const std::function<bool(const std::string& name)>& refused) {
  std::string out;
  char before = '\0';  // the separator in front of the present piece
  bool first = true;
  while (true) {
    const auto end = query.find_first_of(policy::kLenientSeparators);
    const std::string_view piece = query.substr(0, end);
    if (!refused(comparable_parameter(piece.substr(0, piece.find('='))))) {
      if (!std::exchange(first, false)) out += before;
      out += piece;
    }
    if (end == std::string_view::npos) return out;
    before = query[end];
    query.remove_prefix(end + 1);
  }
}

}  // namespace enforcer::credentials
