// The gateway namespace: the host ends of all guests' wires, the transparent listeners, and nothing else. It has no
// uplink, forwards nothing, and routes every address to itself; so whatever breaks here, a guest gets silence instead
// of a network. It outlives hostd.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "host/change_monitor.h"
#include "host/guard.h"
#include "host/netns.h"
#include "host/rtnl.h"

namespace enforcer::host {

class Gateway {
 public:
  /// Makes the namespace, or takes the one of an earlier run; then sets everything about it (again). kConflict: there
  /// is a namespace of that name with interfaces which are not ours.
  static Result<Gateway> open(const std::string& netns_path);

  [[nodiscard]] const Netns& netns() const { return netns_; }
  [[nodiscard]] Rtnl& links() { return links_; }
  Result<Guard::State> verify_guard();
  /// Sets again what somebody changed: the kernel's settings, the routes and rules. `changed`: as that says; foreign
  /// routes and rules are looked for only then. What it was, for people; empty: nothing.
  Result<std::string> restore(bool changed);
  /// What is neither lo nor a guest's link, as it was before it was set down here.
  Result<std::vector<Link>> put_down_foreign_links();
  /// A link, an address, a neighbour, a route or a rule has changed since the last call, maybe by us.
  [[nodiscard]] bool changed() { return changes_.changed(); }

 private:
  Gateway(Netns netns, Rtnl links, Guard guard, ChangeMonitor changes)
      : netns_(std::move(netns)), links_(std::move(links)), guard_(std::move(guard)), changes_(std::move(changes)) {}

  Netns netns_;
  Rtnl links_;
  Guard guard_;
  ChangeMonitor changes_;
};

/// The sockets through which enforcerd meets the guests, opened in the gateway namespace because only there, and only
/// as root, they can be transparent.
struct Listeners {
  std::vector<Fd> tcp;  ///< one for each worker
  Fd dns;
};
[[nodiscard]] Result<Listeners> open_listeners(const Gateway& gateway, unsigned workers);

/// `count` pipes of 1 MiB, as (read end, write end) after each other. Made by root they are charged to nobody's limit,
/// while an unprivileged user gets 64 of them and then silently small ones. Fewer than asked for when descriptors run
/// out.
[[nodiscard]] std::vector<Fd> make_pipes(unsigned count);

}  // namespace enforcer::host
