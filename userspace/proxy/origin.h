// Origin: from a decided name to a connected socket. The name is resolved on the host, every address of the answer is
// judged, and one of the judged addresses is the one connected to (invariants 4 and 5). Called only after a positive
// decision (invariant 1).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <variant>

#include "net/async_socket.h"
#include "policy/decision.h"
#include "policy/facts.h"
#include "proxy/guest_view.h"

namespace enforcer::proxy {

class LiveSession;
class Worker;

/// Addresses that may be connected to, in order of preference.
using Candidates = std::vector<IpAddress>;
/// The name has no usable address: the decision stands, the origin failed.
struct Unresolved {
  metrics::OriginError error;
};
/// An address that this rule must not reach: the decision becomes this denial.
using Forbidden = policy::Decision;

using OriginAddresses = std::variant<Candidates, Unresolved, Forbidden>;

/// Resolves and judges. One bad address among good ones forbids the whole set: an answer that mixes them is rebinding,
/// not bad luck.
boost::asio::awaitable<OriginAddresses> find_origin(LiveSession& session, const policy::Facts& facts,
                                                    const policy::Decision& decision, Deadline deadline);

/// Connects to the first candidate that answers. `attempt` is told of each socket before it is waited for, so that the
/// session's deadline can interrupt it, and of null when the wait is over.
class ConnectWatch {
 public:
  virtual void connecting(net::AsyncSocket* socket) = 0;

 protected:
  ~ConnectWatch() = default;
};
struct Connected {
  std::unique_ptr<net::AsyncSocket> socket;
  IpAddress address;
};
boost::asio::awaitable<Result<Connected>> connect_origin(Worker& worker, const Candidates& candidates, Port port,
                                                         ConnectWatch& watch);

}  // namespace enforcer::proxy
