// The BPF programs and their maps: loaded once, pinned, shared by all guests. hostd is the only writer of the maps;
// enforcerd reads the counters.
//
// A second run loads its own programs onto the maps that the first one pinned; attachments then exchange the program
// (attachment.h), so an update of hostd reaches running guests without a gap.
#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "base/fd.h"
#include "base/result.h"
#include "host/addresses.h"
#include "host/bpffs.h"
#include "host/gateway.h"

namespace enforcer::host {

/// What a guest may make the kernel do in a second, and at once. enforcerd's own limits are finer and answer; these
/// keep a flood from what all guests share before it: queues, buffers, the time of a worker.
struct GuestRates {
  std::uint32_t connects_per_second = 1024;  ///< TCP packets that belong to no connection yet
  std::uint32_t queries_per_second = 1024;   ///< datagrams to port 53
};

class Datapath {
 public:
  /// kUnavailable: the kernel refuses the programs; the verifier's last words are in the log.
  static Result<Datapath> load(const PinFolder& pins, GuestRates rates);

  Datapath(Datapath&&) noexcept;
  Datapath& operator=(Datapath&&) noexcept;
  ~Datapath();

  // The programs; owned by this object.
  [[nodiscard]] int guest_egress() const;
  [[nodiscard]] int guest_ingress() const;
  [[nodiscard]] int tap_to_eth() const;
  [[nodiscard]] int eth_to_tap() const;

  /// Traffic flows to these sockets from here on. The caller may close its copies: a socket leaves the maps by itself
  /// when its last owner closes it.
  Result<> start_steering(const Listeners& listeners);
  /// Whether the maps still say so. An emptied one cannot be filled again from here: the sockets are enforcerd's.
  [[nodiscard]] bool steers(unsigned workers) const;
  /// No worker is there: every packet of a guest is dropped and counted.
  Result<> stop_steering();

  /// Before anything is attached to the interface.
  Result<> add_guest(std::uint32_t interface_index, const GuestAddresses& addresses);
  /// Whether the maps still know the guest, as it was added.
  [[nodiscard]] bool knows_guest(std::uint32_t interface_index, const GuestAddresses& addresses) const;
  /// The guest's counters go, too. Done when it is not there.
  void remove_guest(std::uint32_t interface_index, Slot slot);

  /// Forgets every guest but these.
  Result<> keep_only(const std::set<Slot>& known);

  /// The map "counters" as a descriptor that only reads: with a writable one its holder could freeze the map.
  [[nodiscard]] Result<Fd> read_only_counters() const;

 private:
  struct Objects;
  Datapath(std::unique_ptr<Objects> objects, GuestRates rates);
  [[nodiscard]] int map(const char* name) const;

  std::unique_ptr<Objects> objects_;
  GuestRates rates_;
};

}  // namespace enforcer::host
