// decide(): facts and a guest's policy in, a decision out. Pure: no clock, no state, no I/O, never throws.
//
// Deny beats review beats allow; nothing matched means deny (invariant 2). What each layer's answer means:
//   kDns   allow (Handling::kNone): some rule could allow or review the name on some port. Otherwise `dns_name`, or
//          `rule` when a deny rule covers the name on every port.
//   kL4    allow+kOpaque: a `protocol: tcp` rule matches. allow+kClassify: some rule could match once the first bytes
//          are known. Otherwise nothing can match, and the connection is reset at once.
//   kTls   allow+kPassthrough and denials are final. allow+kIntercept: a rule here speaks about requests or adds a
//          credential, or the name is encrypted; TLS is to be terminated, and each request is asked about at kHttp.
//   kHttp  final, for one request, clear or intercepted. allow+kPassthrough: send the decoded request, with
//          Decision::credential added where there is one. Or a denial: also of what brings a credential of its own
//          where a matching allow says `foreignCredentials: deny`, and of what would make a token or key out of the
//          credential where none of those that add it says `mintTokens: true`.
// A request that asks for a WebSocket is one that only allows and reviews with `websocket: true` let through; other
// rules mean it as any other request. Port 443 speaks TLS only and port 80 clear HTTP only; on other ports that a rule
// names, either may come.
#pragma once

#include "policy/decision.h"
#include "policy/facts.h"
#include "policy/guest_policy.h"

namespace enforcer::policy {

/// The decision; its rule pointers live as long as `policy`.
[[nodiscard]] Decision decide(const GuestPolicy& policy, const Facts& facts);

/// The denial of one address that an allowed name resolved to, or none: a deny or review rule may name the address (as
/// a block), and a name that is allowed must not lead there. The proxy asks this for every resolved address, beside the
/// address guard. `facts` are those the session was allowed with. In audit mode only guardrails count.
[[nodiscard]] std::optional<Decision> deny_address(const GuestPolicy& policy, const Facts& facts,
                                                   const IpAddress& resolved);

}  // namespace enforcer::policy
