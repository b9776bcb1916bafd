#include "pages/reason_advice.h"

namespace enforcer::pages {

// The compiler asks for a line here when a reason is added.
ReasonAdvice advice_on(policy::Reason reason) {
  using enum policy::Reason;
  switch (reason) {
    case kRule:
      return {"dns, l4, tls, http", "The record names the rule; the rule's own `reason:` may say whom to ask."};
    case kNoRule:
      return {"l4, tls, http", "Write a rule if the host is meant; `explain` shows the nearest change."};
    case kPort:
      return {"l4, tls, http", "Name the port in `to:`; without one an allow means 443."};
    case kRequest:
      return {"http", "`explain` shows which field of which rule stopped the request."};
    case kScheme:
      return {"http", "Use https, or write a rule for port 80; a credential is never sent in clear."};
    case kAddress:
      return {"l4, http", "Use the name. Rules for addresses hold only where no name was asked for."};
    case kAuditMode:
      return {"dns, l4, tls, http",
              "Nothing was blocked: `would` in the record has what will be. See `policy suggest`."};
    case kNoPolicy:
      return {"dns, l4, tls, http", "Compare the guest's labels (`guest list -o wide`) with `spec.guests`."};
    case kDnsName:
      return {"dns", "As for `name`: the first sign of a host without a rule."};
    case kDnsMalformed:
      return {"dns", "Look at what runs in the guest: no resolver sends this."};
    case kDnsType:
      return {"dns", "Look at what runs in the guest: usual programs do not need such queries."};
    case kDnsRate:
      return {"dns", "Find what asks so often; raise `limits.dnsPerSecond` if it is meant."};
    case kLimitNames:
      return {"dns",
              "Look at the names in the log: many under one wildcard may be data. Else `limits.distinctNamesPerHour`."};
    case kLimitConnections:
      return {"l4, http", "Find what opens so many; raise `limits.connections` or `limits.halfOpen`."};
    case kLimitHead:
      return {"http", "A head has 64 KiB and 256 fields at most, cookies included."};
    case kLimitRequests:
      return {"http", "Find what asks so often; raise `limits.requestsPerMinute`."};
    case kLimitBytes:
      return {"l4, tls, http", "Ask what was uploaded; raise `limits.uploadBytesPerHour` if it was meant."};
    case kLimitBody:
      return {"http", "Decide by method and path, not by what is in the body; or let the client send in parts."};
    case kNameInvalid:
      return {"dns, tls", "Names are written as on the wire: letters, digits, hyphens, `xn--`."};
    case kHostInvalid:
      return {"http", "The client is broken, or somebody tries something: look at the guest."};
    case kAuthorityMismatch:
      return {"tls, http",
              "The client dialled one name and asked for another, as when a hosts file or a proxy setting says so."};
    case kAddressNotIssued:
      return {"l4, tls, http",
              "The client has an address from elsewhere, or kept one for too long: let it ask DNS again."};
    case kDstLocal:
      return {"l4, tls, http",
              "`private: true` in the rule that means this host; its metrics never. Else ask who owns the DNS record."};
    case kDstPrivate:
      return {"l4, tls, http", "`private: true` in the rule that means it; else ask who owns the DNS record."};
    case kDstMetadata:
      return {"l4, tls, http", "Never allowed. Somebody wanted the host's own cloud credentials: look at the guest."};
    case kHelloTimeout:
      return {"l4, tls, http",
              "The server speaks first in this protocol: `protocol: tcp`. Else the client is slow or stuck."};
    case kProtoUnknown:
      return {"l4, tls", "`protocol: tcp` in the rule, if nobody has to look."};
    case kTlsNoSni:
      return {"tls", "Let the client send the server's name; for an address, `protocol: tcp`."};
    case kTlsMalformed:
      return {"tls", "The client is broken, or somebody tries something: look at the guest."};
    case kEchPresent:
      return {"tls", "Switch encrypted hellos off in the client, or write a rule that looks into requests."};
    case kAlpn:
      return {"tls", "What the client wants to speak is not HTTP: `protocol: tcp`, or `inspect: never`."};
    case kGuestTls:
      return {
          "tls",
          "`doctor --guest NAME` shows which runtimes do not trust the CA; a client that pins needs `inspect: never`."};
    case kH1Malformed:
    case kH1Framing:
    case kH2Malformed:
      return {"http", "The client is broken, or somebody tries to smuggle: look at the guest."};
    case kH2Abuse:
      return {"http", "Somebody tries to wear the proxy out, or a client is broken: look at the guest."};
    case kBodyTimeout:
      return {"http", "The client is slow: `deadlines.requestBody`."};
    case kUpgrade:
      return {"http", "`websocket: true` in the rule; no other upgrade and no CONNECT is passed on."};
    case kReview:
      return {"tls, http", "Not a denial: `enforcerctl review list` has it."};
    case kApproved:
      return {"http", "Not a denial: the record says who agreed."};
    case kReviewUnavailable:
      return {
          "l4, tls, http",
          "Only requests can be held: write a rule that looks into them, or take the connection out of the review."};
    case kNoReviewer:
      return {"http", "Keep a `review watch` open, or set `review.notify`."};
    case kQueueFull:
      return {"http", "Decide what waits, or ask the agent why it asks so much."};
    case kHoldBodyCap:
      return {"http", "People cannot be shown so much: let the client send less at once."};
    case kReviewPending:
      return {"http", "Wait: the same request, sent again, is the same question."};
    case kReviewRejected:
      return {"http", "Ask whoever said no; the record has the name and the comment."};
    case kReviewExpired:
      return {"http",
              "See that somebody is told: `review.notify`. The alert EnforcerReviewStale comes five minutes after the "
              "question, so for a shorter `timeout` only EnforcerReviewExpired does."};
    case kReviewSpent:
      return {"http", "Ask again: an agreement is for one request of one client."};
    case kStaleApproval:
      return {"http", "Ask again: the policy or the credential changed meanwhile."};
    case kInspectionUnavailable:
      return {"l4, tls",
              "A rule that denies or reviews some requests also covers this: take the host out of it, or let requests "
              "be seen."};
    case kActionUnknown:
      return {"http", "Write a rule with method and path, or leave it: what cannot be told may be anything."};
    case kCredentialConflict:
      return {"http", "Two rules match and name different credentials: narrow one of them."};
    case kCredentialHostMismatch:
      return {"http", "The credential's owner has to bind it to the host (`spec.inject[].to`), service and region."};
    case kCredentialUnavailable:
      return {"http", "`credential list` and the daemon's log say why; `credential test NAME` tries it."};
    case kForeignCredential:
      return {"http", "Let the client send none. The rule says so: `foreignCredentials: deny`."};
    case kTokenMinting:
      return {"http", "`mintTokens: true` in the rule, if the guest is to hold the new one."};
    case kSignature:
      return {"http", "Let the client sign with the placeholder, by header or query, as its SDK does."};
    case kAuditUnavailable:
      return {
          "dns, l4, tls, http",
          "[EnforcerAuditWriteErrors](../deploy/runbooks/EnforcerAuditWriteErrors.md): make room where the log is."};
    case kOriginResolve:
      return {"l4, tls, http", "Ask the host's resolvers (`dns.servers`) for that name."};
    case kOriginConnect:
      return {"l4, tls, http", "Connect from the host: a firewall, or the origin is down."};
    case kEgressProxy:
      return {"l4, tls, http",
              "`detail` of the end record says at which step; the daemon's log has the proxy's status."};
    case kOriginTls:
      return {"http", "Look at the origin's certificate; a CA of your own belongs into `originTrust.files`."};
    case kOriginTimeout:
      return {"http", "The origin is slow: `deadlines.idle`."};
    case kOriginProtocol:
      return {"tls, http", "The origin is broken, or is not what the rule says (port, `protocol`)."};
    case kSecretReflected:
      return {"http",
              "[EnforcerSecretLeakBlocked](../deploy/runbooks/EnforcerSecretLeakBlocked.md): the origin echoes what it "
              "is sent."};
    case kDatapath:
      return {"-", "The field `drop` says which of [the datapath's drop reasons](../bpf/README.md#drop-reasons)."};
    case kInternal:
      return {"dns, l4, tls, http", "A fault of Enforcer's: the daemon's log, then `enforcerctl support-bundle`."};
  }
  return {};
}

}  // namespace enforcer::pages
