// The wire of one guest: a veth pair from the gateway namespace (g7) into the guest's namespace (eth0), with
// guest_egress on what comes from the guest and guest_ingress on what goes there.
//
// The order is the security of it. Made: guard verified, pair made down, guest entered into the map, programs attached,
// and only then up. Unmade: down, and then the rest. At no moment is there a wire that is up and not guarded, and the
// guest may send from the first microsecond on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/addresses.h"
#include "host/attachment.h"
#include "host/netns.h"
#include "host/network.h"

namespace enforcer::host {

class GuestLink {
 public:
  /// Wires `guest` to the gateway; `guest_index` is the interface index of eth0 there, 0: any. After a failure nothing
  /// of it is left.
  static Result<GuestLink> make(Network& network, const GuestAddresses& addresses, const Netns& guest,
                                std::uint32_t guest_index);

  /// Takes the wire of an earlier run with today's programs. kNotFound: it is gone.
  static Result<GuestLink> adopt(Network& network, const GuestAddresses& addresses, std::uint32_t index);

  [[nodiscard]] std::uint32_t index() const { return index_; }

  enum class State {
    kGuarded,
    kUnguarded,  ///< a program of ours or the guest's map entry is not as it was
    kGone,       ///< the interface is gone: so is the guest's namespace, or its eth0
  };
  [[nodiscard]] Result<State> state(Network& network) const;

  /// For a guarded one: up, with its addresses, routes and neighbours. True: some of it was missing.
  Result<bool> bring_up(Network& network);

  /// The guest can send nothing and gets nothing.
  Result<> take_down(Network& network);
  /// Down, programs attached again, up.
  Result<> repair(Network& network);

  /// How the pair ends. Deleting a link takes 30 ms with 40 guests and 200 ms with 1,000, so it is left to the end of
  /// the guest's namespace where that comes anyway.
  enum class PairEnds { kWithNamespace, kNow };
  Result<> remove(Network& network, PairEnds pair_ends);

 private:
  GuestLink(GuestAddresses addresses, std::uint32_t index) : addresses_(std::move(addresses)), index_(index) {}
  Result<> guard(Network& network);

  GuestAddresses addresses_;
  std::uint32_t index_;  ///< of g7
  std::vector<Attachment> attachments_;
};

}  // namespace enforcer::host
