// The guest's end of the wire: inside a microVM's namespace a tap joined to eth0 by BPF, inside somebody else's
// namespace (a container's) an eth0 with addresses and routes.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "host/addresses.h"
#include "host/attachment.h"
#include "host/netns.h"
#include "host/network.h"

namespace enforcer::host {

/// A namespace for one microVM: nothing in it ever gets an address.
[[nodiscard]] Result<Netns> make_machine_netns();

/// tap0 and eth0 of a microVM's namespace, each frame of one sent out by the other.
class TapJoin {
 public:
  /// Makes tap0 and joins it to eth0; `tap` is for QEMU, and tap0 lives as long as it is open. Again after that QEMU
  /// ended (in the same namespace) for the next one.
  struct Made;
  static Result<Made> make(Network& network, const Netns& guest, Slot slot);
  /// The join of an earlier run with today's program.
  static Result<TapJoin> adopt(Network& network, const Netns& guest, Slot slot);

  /// Whether every frame of one still goes out by the other.
  [[nodiscard]] bool intact(const Netns& guest) const;
  void remove(const Netns& guest);

 private:
  static Result<TapJoin> attach(Network& network, Slot slot);
  std::vector<Attachment> attachments_;
};

struct TapJoin::Made {
  TapJoin join;
  Fd tap;
};

/// kConflict when the namespace is hostd's own, or holds any interface but lo: that would be a second way out.
Result<> require_empty(const Netns& guest);

/// Gives eth0 of an attached namespace its addresses and routes and sets it up. Returns its interface index.
[[nodiscard]] Result<std::uint32_t> configure_attached(const Netns& guest, const GuestAddresses& addresses);

enum class SideState {
  kAlone,       ///< lo and what is ours: eth0, and the tap of a microVM
  kSecondPath,  ///< another interface is there
  kGone,        ///< what is ours is not there
};
[[nodiscard]] Result<SideState> inspect_attached(const Netns& guest, std::uint32_t eth_index);
[[nodiscard]] Result<SideState> inspect_machine(const Netns& guest);

}  // namespace enforcer::host
