// The closed lists behind the labels of the metrics. Nothing a guest or an origin says becomes a label: these lists,
// names from the loaded policies, and names of attached guests are all there is (invariant 10).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace enforcer::metrics {

/// NAME, label.
#define ENFORCER_PROTOCOLS(X)                                                 \
  X(kPending, "pending") /* not classified: not enough bytes yet */           \
  X(kTls, "tls")                                                              \
  X(kHttp, "http")                                                            \
  X(kHttps, "https") /* TLS that ends here: every request is decided */       \
  X(kTcp, "tcp")     /* relayed without looking, by a `protocol: tcp` rule */ \
  X(kDns, "dns")     /* DNS over TCP */

/// How a guest's connection ended.
#define ENFORCER_RESULTS(X)                                            \
  X(kCompleted, "completed") /* relayed to its end */                  \
  X(kDenied, "denied")                                                 \
  X(kFailed, "failed")   /* allowed, but the origin was not reached */ \
  X(kReset, "reset")     /* broken off by the guest or the origin */   \
  X(kTimeout, "timeout") /* a deadline of ours passed */               \
  X(kClosed, "closed")   /* by us: reload, guest removed, shutdown */

/// Bytes relayed, seen from the guest.
#define ENFORCER_DIRECTIONS(X) X(kEgress, "egress") X(kIngress, "ingress")

/// What we add to the time of a connection.
#define ENFORCER_STAGES(X)                                                         \
  X(kDns, "dns")               /* a query read to its answer sent */               \
  X(kClassify, "classify")     /* a connection accepted to its ClientHello read */ \
  X(kDecide, "decide")         /* policy::decide */                                \
  X(kAudit, "audit")           /* the decision record handed in to committed */    \
  X(kMint, "mint")             /* a certificate for the guest made and signed */   \
  X(kCredential, "credential") /* a credential looked up and put into a request */

#define ENFORCER_ORIGIN_ERRORS(X)                                               \
  X(kResolve, "resolve")   /* no address for the name */                        \
  X(kAddress, "address")   /* every address refused by the address guard */     \
  X(kConnect, "connect")   /* refused, unreachable */                           \
  X(kTls, "tls")           /* no handshake, or a certificate we do not trust */ \
  X(kTimeout, "timeout")   /* no answer in time */                              \
  X(kProtocol, "protocol") /* answered something else than the protocol */      \
  X(kReset, "reset")       /* broken off by the origin */                       \
  X(kProxy, "proxy")       /* the corporate proxy did not connect */

/// Whom an intercepted connection's TLS handshake was with.
#define ENFORCER_TLS_SIDES(X) X(kGuest, "guest") X(kOrigin, "origin")

/// What became of a credential that an allowed request asked for.
#define ENFORCER_INJECTION_RESULTS(X)                                    \
  X(kInjected, "injected")                                               \
  X(kUnavailable, "unavailable") /* its source did not yield a secret */ \
  X(kDenied, "denied")           /* it may not go to this host or this request */

/// What became of a held request, each once: the first of these.
#define ENFORCER_REVIEW_OUTCOMES(X)                            \
  X(kApproved, "approved") /* by as many people as it needs */ \
  X(kRejected, "rejected")                                     \
  X(kExpired, "expired")     /* nobody decided in time */      \
  X(kWithdrawn, "withdrawn") /* the guest or the rule is gone */

#define ENFORCER_LABEL_ENUM(Type, LIST)                                     \
  enum class Type : std::uint8_t { LIST(ENFORCER_LABEL_NAME) };             \
  inline constexpr std::size_t k##Type##Count = 0 LIST(ENFORCER_LABEL_ONE); \
  [[nodiscard]] std::string_view label(Type value);
#define ENFORCER_LABEL_NAME(name, text) name,
#define ENFORCER_LABEL_ONE(name, text) +1

ENFORCER_LABEL_ENUM(Protocol, ENFORCER_PROTOCOLS)
ENFORCER_LABEL_ENUM(ConnectionResult, ENFORCER_RESULTS)
ENFORCER_LABEL_ENUM(Direction, ENFORCER_DIRECTIONS)
ENFORCER_LABEL_ENUM(Stage, ENFORCER_STAGES)
ENFORCER_LABEL_ENUM(OriginError, ENFORCER_ORIGIN_ERRORS)
ENFORCER_LABEL_ENUM(TlsSide, ENFORCER_TLS_SIDES)
ENFORCER_LABEL_ENUM(InjectionResult, ENFORCER_INJECTION_RESULTS)
ENFORCER_LABEL_ENUM(ReviewOutcome, ENFORCER_REVIEW_OUTCOMES)

#undef ENFORCER_LABEL_ENUM
#undef ENFORCER_LABEL_NAME
#undef ENFORCER_LABEL_ONE

}  // namespace enforcer::metrics
