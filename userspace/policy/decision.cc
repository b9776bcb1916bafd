#include "policy/decision.h"

namespace enforcer::policy {

std::string_view label(Action action) {
  switch (action) {
    case Action::kAllow:
      return "allow";
    case Action::kReview:
      return "review";
    case Action::kDeny:
      return "deny";
  }
  return "";
}

}  // namespace enforcer::policy
