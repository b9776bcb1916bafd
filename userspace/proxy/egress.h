// Egress: how a worker's connections leave the host: to the origin itself, or to the proxy of the configuration, which
// then connects to the origin (egress_tunnel.h).
//
// What was decided stays decided: the origin's name has been resolved here, and every address of the answer judged
// (origin.h), before the proxy hears of it. The proxy resolves the name again, with whatever it believes; it is the
// operator's own, and its word is taken for where it connects to, as the operator's word is for where it is itself: its
// address may be private, or this host's.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "config/egress.h"
#include "net/async_socket.h"
#include "policy/credential_spec.h"
#include "policy/facts.h"
#include "proxy/egress_tunnel.h"

namespace enforcer::proxy {

class Worker;

/// What is wrong with the credential that the configuration names for the proxy (null: none of that name is loaded), in
/// one line; empty: nothing.
[[nodiscard]] std::string egress_credential_problem(const config::EgressProxy& proxy,
                                                    const policy::CredentialSpec* credential);

class Egress {
 public:
  /// Both outlive it.
  Egress(Worker& worker, const std::optional<config::EgressProxy>& proxy);

  [[nodiscard]] bool proxied() const { return proxy_.has_value(); }
  /// The proxy as the configuration writes it, for records; empty: there is none.
  [[nodiscard]] const std::string& via() const { return via_; }

  /// The proxy's credential in the generation that is in force; null: none of that name is loaded.
  void authenticate_with(std::shared_ptr<const policy::CredentialSpec> credential) {
    credential_ = std::move(credential);
  }

  /// Whom to connect to first.
  struct Hop {
    std::vector<IpAddress> addresses;  ///< empty: the proxy's name could not be resolved
    Port port{};
  };
  /// For an origin at these addresses, which were judged.
  boost::asio::awaitable<Hop> first_hop(std::vector<IpAddress> origin, Port port, Deadline deadline);

  /// It could not be reached.
  [[nodiscard]] static EgressFailure unreached(const Hop& hop, const Error& error);

  /// `socket` is connected to the first hop. Nothing: the origin of these facts is at its other end from now on.
  boost::asio::awaitable<std::optional<EgressFailure>> open(net::AsyncSocket& socket, policy::Facts facts,
                                                            Deadline deadline);

  /// Writes to the log what the proxy did not do, once a second at most; the label for the end record.
  std::string_view report(const EgressFailure& failure);

 private:
  boost::asio::awaitable<std::optional<TunnelLogin>> login(Deadline deadline);

  Worker& worker_;
  const std::optional<config::EgressProxy>& proxy_;
  const std::string via_;
  std::shared_ptr<const policy::CredentialSpec> credential_;
  std::vector<IpAddress> addresses_;  ///< of the proxy's name
  Monotonic::time_point addresses_expire_{};
  Monotonic::time_point next_report_{};
};

}  // namespace enforcer::proxy
