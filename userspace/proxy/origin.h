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

/// The name has no usable address: the decision stands, the origin failed.
struct Unresolved {
  metrics::OriginError error;
};
/// An address that this rule must not reach: the decision becomes this denial.
using Forbidden = policy::Decision;

using OriginAddresses = std::variant<CheckedAddresses, Unresolved, Forbidden>;

/// Resolves and judges. One bad address among good ones forbids the whole set: an answer that mixes them is rebinding,
/// not bad luck.
boost::asio::awaitable<OriginAddresses> find_origin(Decisions& decisions, const policy::Facts& facts,
                                                    const policy::Decision& decision, Deadline deadline);

/// Whether this decision may lead there: another rule may, and policies change, so it is asked before each use of a
/// connection that was dialled for another request.
[[nodiscard]] std::optional<Forbidden> forbidden(Decisions& decisions, const policy::Facts& facts,
                                                 const policy::Decision& decision, const CheckedAddresses& checked);

}  // namespace enforcer::proxy
