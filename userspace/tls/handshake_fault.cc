#include "tls/handshake_fault.h"

namespace enforcer::tls {

std::string_view label(HandshakeFault fault) {
  switch (fault) {
#define ENFORCER_FAULT_LABEL(name, label, meaning) \
  case HandshakeFault::name:                       \
    return label;
    ENFORCER_HANDSHAKE_FAULTS(ENFORCER_FAULT_LABEL)
#undef ENFORCER_FAULT_LABEL
  }
  return {};
}

}  // namespace enforcer::tls
