// Resolver: the real addresses of an origin's name, asked from the host's own DNS servers.
//
// c-ares makes the queries (random ids, retries, the next server, TCP when an answer is truncated) on sockets that the
// worker's io_context watches; there are no threads. The name is absolute: no search domain, no hosts file, no aliases,
// so the name decided on is the name asked for (invariant 4). Of an answer only the CNAME chain that starts at that
// name and the addresses at its end count; any other record in it is ignored.
//
// Belongs to one worker. May be destroyed while lookups wait: they end with kUnavailable when their coroutine is next
// resumed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "base/deadline.h"
#include "base/host_name.h"
#include "base/ip.h"
#include "base/result.h"

namespace enforcer::dns {

struct Resolution {
  std::vector<IpAddress> addresses;  ///< never empty, no duplicates; IPv4 first, else in the servers' order
  std::chrono::seconds ttl;          ///< the smallest TTL of the records used, clamped to 5-300 s
};

class Resolver {
 public:
  /// `servers` in order of preference; none means those of /etc/resolv.conf.
  static Result<std::unique_ptr<Resolver>> make(boost::asio::io_context& io, std::span<const Endpoint> servers);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// A and AAAA, asked in parallel. One of them is enough when the other failed, or has not come kResolutionDelay after
  /// it (RFC 8305 section 3) or by the deadline: servers that never answer one of them do exist.
  /// kNotFound: the name does not exist or has no address. kUnavailable: the servers failed. kTimeout: the deadline
  /// passed.
  static constexpr std::chrono::milliseconds kResolutionDelay{250};
  boost::asio::awaitable<Result<Resolution>> resolve(HostName name, Deadline deadline);

  /// Lookups in flight end now, and later ones at once, with kUnavailable.
  void stop();

 private:
  struct Impl;
  explicit Resolver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace enforcer::dns
