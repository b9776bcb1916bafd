// What all guests of an instance share: the gateway namespace and the datapath, in the order in which they come up.
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "host/attachment.h"
#include "host/bpffs.h"
#include "host/datapath.h"
#include "host/gateway.h"

namespace enforcer::host {

/// Makes what is a mount, and hence has to be made where the whole host sees it: bpffs, and the gateway namespace at
/// `netns_path`. Network::open() makes them too, but below a sandbox (the systemd unit's) they would stay in there.
Result<> make_shared_mounts(const std::string& netns_path);
/// For whoever runs below such a sandbox. kUnavailable: they have not been made, and making them now would be in vain.
Result<> require_shared_mounts(const std::string& netns_path);

struct Network {
  /// Makes what is missing, takes what an earlier run left.
  static Result<Network> open(const std::string& netns_path, const std::string& bpffs_path, GuestRates rates = {});

  Gateway gateway;
  PinFolder pins;
  Datapath datapath;
  AttachMode mode;
};

/// Removes everything that belongs to other guests than these: interfaces, pins and map entries of a run that ended
/// between making a guest and writing it down, or whose guest ended while no hostd ran.
Result<> remove_unknown_guests(Network& network, const std::set<Slot>& known);

/// Removes the gateway namespace with all its interfaces, and all pins. The guests' processes must have ended.
Result<> remove_network(const std::string& netns_path, const std::string& bpffs_path);

}  // namespace enforcer::host
