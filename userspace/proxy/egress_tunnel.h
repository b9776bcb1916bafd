// EgressTunnel: how a connection to the operator's proxy becomes a connection to an origin. The proxy is told the name
// that was decided on, which is what such proxies filter by; it is believed no more than an origin is.
//
//   CONNECT   one request head, one answer head (http/connect_answer.h)
//   SOCKS 5   method, then user name and password where there is a login, then the connect (net/socks5.h)
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/secret.h"
#include "config/egress.h"
#include "net/async_socket.h"

namespace enforcer::proxy {

/// Why the proxy did not connect: NAME, label (detail of an end record), what it means to an operator.
#define ENFORCER_EGRESS_FAULTS(X)                                                                             \
  X(kResolve, "resolve", "its name could not be resolved")                                                    \
  X(kConnect, "connect", "it could not be reached")                                                           \
  X(kCredential, "credential", "its credential is not loaded, not bound to it as basic, or without a secret") \
  X(kLogin, "login", "it does not accept the credential, or wants one")                                       \
  X(kRefused, "refused", "it did not connect to the origin")                                                  \
  X(kMalformed, "malformed", "it answered something that is not the protocol")                                \
  X(kClosed, "closed", "it closed the connection before it had answered")                                     \
  X(kTimeout, "timeout", "it did not answer in time")

enum class EgressFault : std::uint8_t {
#define X(name, label, text) name,
  ENFORCER_EGRESS_FAULTS(X)
#undef X
};
[[nodiscard]] std::string_view label(EgressFault fault);
[[nodiscard]] std::string_view description(EgressFault fault);

struct EgressFailure {
  EgressFault fault;
  unsigned code = 0;  ///< what the proxy said, where it said a number: an HTTP status, an octet of SOCKS
};

/// Who is to be connected to.
struct TunnelTarget {
  std::variant<IpAddress, HostName> host;
  Port port{};
};

/// Who we are to the proxy.
struct TunnelLogin {
  std::string user;
  std::shared_ptr<const Secret> password;
};

/// Over a fresh connection to the proxy. Nothing: from now on the origin is at the other end, and its first octet is
/// the next one to be read. Its waits are those of the socket: whoever interrupts it ends them (kTimeout, kClosed).
boost::asio::awaitable<std::optional<EgressFailure>> ask_egress_proxy(net::AsyncSocket& socket,
                                                                      config::EgressProxy::Protocol protocol,
                                                                      TunnelTarget target,
                                                                      std::optional<TunnelLogin> login);

}  // namespace enforcer::proxy
