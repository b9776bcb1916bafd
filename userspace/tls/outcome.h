// What a TLS parser can say about the bytes it was given so far.
#pragma once

#include <string_view>

namespace enforcer::tls {

/// Well formed so far and incomplete.
struct NeedMore {};

/// The stream does not begin with a TLS handshake record: it is some other protocol (deny `proto_unknown`).
struct NotTls {};

/// TLS, and wrong in a way that two readers could understand differently, or beyond our bounds (deny `tls_malformed`).
struct Malformed {
  std::string_view what;  ///< a constant of the parser, never guest text
};

}  // namespace enforcer::tls
