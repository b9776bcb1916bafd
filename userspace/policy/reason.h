// Why a decision came out as it did: a closed list, so that it can be a metric label, a log field and a line of the
// documentation at once. Guest text never becomes a reason (invariant 10).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace enforcer::policy {

// NAME, label (log, metric, problem+json), what it means to a person.
#define ENFORCER_REASONS(X)                                                                                   \
  X(kRule, "rule", "a rule of the policy says so")                                                            \
  X(kNoRule, "name", "no rule names this host")                                                               \
  X(kPort, "port", "the host is allowed, but not on this port")                                               \
  X(kRequest, "request", "the host is allowed, but not this request")                                         \
  X(kScheme, "scheme", "the rule needs TLS and this is clear HTTP")                                           \
  X(kAddress, "address", "no rule names this address")                                                        \
  X(kAuditMode, "audit_mode", "the policy is in audit mode: decided, recorded, not blocked")                  \
  X(kNoPolicy, "no_policy", "no policy selects this guest")                                                   \
  X(kDnsName, "dns_name", "no rule could allow this name")                                                    \
  X(kDnsMalformed, "dns_malformed", "not a DNS query")                                                        \
  X(kDnsType, "dns_type", "a DNS type, class or operation that is not answered")                              \
  X(kDnsRate, "dns_rate", "too many DNS queries")                                                             \
  X(kLimitNames, "limit_names", "too many different names for one guest")                                     \
  X(kLimitConnections, "limit_conn", "too many connections at once")                                          \
  X(kLimitHead, "limit_head", "request head too large")                                                       \
  X(kLimitRequests, "limit_requests", "too many requests a minute")                                           \
  X(kLimitBytes, "limit_bytes", "too many bytes sent within an hour")                                         \
  X(kLimitBody, "limit_body", "the request's body is too large to be decided on")                             \
  X(kNameInvalid, "name_invalid", "not a host name")                                                          \
  X(kHostInvalid, "host_invalid", "missing, repeated or malformed Host")                                      \
  X(kAuthorityMismatch, "authority_mismatch", "the name asked for is not the name the address was given for") \
  X(kAddressNotIssued, "address_not_issued", "the address was never given to this guest for any name")        \
  X(kDstLocal, "dst_local", "an address of the host or of the enforcer itself")                               \
  X(kDstPrivate, "dst_private", "an address that is not globally routable")                                   \
  X(kDstMetadata, "dst_metadata", "a cloud metadata address")                                                 \
  X(kHelloTimeout, "hello_timeout", "the client did not say what it wants in time")                           \
  X(kProtoUnknown, "proto_unknown", "neither TLS nor HTTP")                                                   \
  X(kTlsNoSni, "tls_nosni", "TLS without a server name")                                                      \
  X(kTlsMalformed, "tls_malformed", "malformed TLS ClientHello")                                              \
  X(kEchPresent, "ech_present", "the server name is encrypted")                                               \
  X(kAlpn, "alpn", "the client offers neither HTTP/2 nor HTTP/1.1")                                           \
  X(kGuestTls, "guest_tls", "the client broke off TLS with us: does it trust this guest's CA?")               \
  X(kH1Malformed, "h1_malformed", "malformed HTTP request")                                                   \
  X(kH1Framing, "h1_framing", "ambiguous length of an HTTP message")                                          \
  X(kH2Malformed, "h2_proto", "malformed HTTP/2")                                                             \
  X(kH2Abuse, "h2_abuse", "HTTP/2 frames that only cost work")                                                \
  X(kBodyTimeout, "body_timeout", "the request's body did not come in time")                                  \
  X(kUpgrade, "upgrade", "protocol upgrade or tunnel inside HTTP")                                            \
  X(kReview, "review", "people are asked")                                                                    \
  X(kApproved, "approved", "people have approved this one request")                                           \
  X(kReviewUnavailable, "review_unavailable", "people would have to approve, and only requests can be held")  \
  X(kNoReviewer, "no_reviewer", "people would have to approve, and nobody is there to be asked")              \
  X(kQueueFull, "queue_full", "as many requests of the guest wait for people as may")                         \
  X(kHoldBodyCap, "hold_body_cap", "the request's body is too large to be held")                              \
  X(kReviewPending, "review_pending", "people have not decided yet: send the same request again later")       \
  X(kReviewRejected, "review_rejected", "people have said no")                                                \
  X(kReviewExpired, "review_expired", "people have not decided in time")                                      \
  X(kReviewSpent, "review_spent", "approved once, and another client of the guest has sent it")               \
  X(kStaleApproval, "stale_approval", "what people were asked about is not what the policy says now")         \
  X(kInspectionUnavailable, "inspection_unavailable", "the rule needs to see what cannot be seen here")       \
  X(kActionUnknown, "action_unknown", "what the request asks of AWS or git cannot be told")                   \
  X(kCredentialConflict, "credential_conflict", "two rules want to add different credentials")                \
  X(kCredentialHostMismatch, "credential_host_mismatch", "the credential must not go to this host and port")  \
  X(kCredentialUnavailable, "credential_unavailable", "the credential's secret could not be read")            \
  X(kForeignCredential, "foreign_credential", "the request brings a credential of its own")                   \
  X(kTokenMinting, "token_minting", "the request would make a new token or key out of the credential")        \
  X(kSignature, "signature", "the AWS signature of the request cannot be made again")                         \
  X(kAuditUnavailable, "audit_unavailable", "the decision could not be recorded")                             \
  X(kOriginResolve, "origin_resolve", "the origin's name could not be resolved")                              \
  X(kOriginConnect, "origin_connect", "the origin could not be reached")                                      \
  X(kEgressProxy, "egress_proxy", "the corporate proxy did not connect")                                      \
  X(kOriginTls, "origin_tls", "the origin's certificate or TLS could not be verified")                        \
  X(kOriginTimeout, "origin_timeout", "the origin did not answer in time")                                    \
  X(kOriginProtocol, "upstream_proto", "the origin answered something that is not the protocol")              \
  X(kSecretReflected, "secret_reflected", "the response would have carried the credential back")              \
  X(kDatapath, "datapath", "dropped by the kernel datapath; the drop reason says why")                        \
  X(kInternal, "internal", "an internal failure, which denies")

enum class Reason : std::uint8_t {
#define X(name, label, text) name,
  ENFORCER_REASONS(X)
#undef X
};

inline constexpr std::size_t kReasonCount = 0
#define X(name, label, text) +1
    ENFORCER_REASONS(X)
#undef X
    ;

[[nodiscard]] std::string_view label(Reason reason);        ///< "dst_private"
[[nodiscard]] std::string_view description(Reason reason);  ///< one line for people
/// All of them, in the order above.
[[nodiscard]] std::span<const std::string_view> reason_labels();

}  // namespace enforcer::policy
