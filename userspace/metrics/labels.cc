#include "metrics/labels.h"

#include <array>

namespace enforcer::metrics {

#define ENFORCER_LABEL_TEXT(name, text) std::string_view(text),
#define ENFORCER_LABEL_FUNCTION(Type, LIST)                                                          \
  std::string_view label(Type value) {                                                               \
    static constexpr std::array<std::string_view, k##Type##Count> kTexts{LIST(ENFORCER_LABEL_TEXT)}; \
    return kTexts[static_cast<std::size_t>(value)];                                                  \
  }

ENFORCER_LABEL_FUNCTION(Protocol, ENFORCER_PROTOCOLS)
ENFORCER_LABEL_FUNCTION(ConnectionResult, ENFORCER_RESULTS)
ENFORCER_LABEL_FUNCTION(Direction, ENFORCER_DIRECTIONS)
ENFORCER_LABEL_FUNCTION(Stage, ENFORCER_STAGES)
ENFORCER_LABEL_FUNCTION(OriginError, ENFORCER_ORIGIN_ERRORS)
ENFORCER_LABEL_FUNCTION(TlsSide, ENFORCER_TLS_SIDES)
ENFORCER_LABEL_FUNCTION(InjectionResult, ENFORCER_INJECTION_RESULTS)
ENFORCER_LABEL_FUNCTION(ReviewOutcome, ENFORCER_REVIEW_OUTCOMES)

}  // namespace enforcer::metrics
