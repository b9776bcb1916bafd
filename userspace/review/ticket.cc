#include "review/ticket.h"

namespace enforcer::review {

std::string_view label(State state) {
  switch (state) {
#define X(name, text) \
  case State::name:   \
    return text;
    ENFORCER_TICKET_STATES(X)
#undef X
  }
  return "";
}

}  // namespace enforcer::review
