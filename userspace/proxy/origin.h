// Origin: from a decided name to the addresses that may be connected to. The name is resolved on the host, and every
// address of the answer is judged (invariants 4 and 5). Called only after a positive decision (invariant 1).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <variant>

#include "base/deadline.h"
#include "policy/decision.h"
#include "policy/facts.h"
#include "proxy/guest_view.h"

namespace enforcer::proxy {

class Decisions;
class Worker;

/// Addresses that may be connected to.
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
boost::asio::awaitable<OriginAddresses> find_origin(Decisions& decisions, const policy::Facts& facts,
                                                    const policy::Decision& decision, Deadline deadline);

}  // namespace enforcer::proxy
