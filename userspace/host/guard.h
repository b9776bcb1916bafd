// The second layer: an nft rule in the gateway namespace that drops whatever does not carry our mark. TC ingress runs
// before prerouting, so what guest_egress steered carries it, and nothing else can (neighbour discovery that the BPF
// program validated is marked, too; ARP never gets here). When the BPF program is missing, the guest gets silence.
//
// The kernel numbers every change of a namespace's ruleset. As long as that number is the one at which the table was
// last looked at, the guard is unchanged; asking for it costs one netlink message, so it can be asked often.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

class Guard {
 public:
  /// Loads the table, replacing what has its name, in one transaction. In the gateway namespace.
  static Result<Guard> load();

  enum class State { kIntact, kRestored };
  /// Looks at the table and loads it again when it is not what was loaded. In the gateway namespace. An error means
  /// that there may be no guard: no link may go up.
  Result<State> verify();

 private:
  explicit Guard(Fd netlink) : netlink_(std::move(netlink)) {}
  Result<> reload();

  Fd netlink_;
  std::string expected_;          ///< the table as nft lists it right after loading
  std::uint32_t generation_ = 0;  ///< of the ruleset, when the table was last seen to be as expected
};

}  // namespace enforcer::host
