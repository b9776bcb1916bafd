// The poll loop of hostd: one socket, one enforcerd, typed requests. Nothing that a guest or an origin wrote comes
// through here, and nothing that comes through here is trusted beyond its type: the peer's uid is checked when it
// connects, each packet is decoded strictly (hostproto/messages.h), and a peer that breaks the protocol is
// disconnected.
//
//   connected -> hello -> welcomed -> ready -> serving
//
// When enforcerd goes, its sockets leave the maps by themselves and the number of workers is set to 0: guests are
// dropped in silence until the next one is ready. hostd keeps no copy of a listener after `ready`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/service_notify.h"
#include "config/config.h"
#include "config/paths.h"
#include "host/gateway.h"
#include "host/network.h"
#include "hostd/caller.h"
#include "hostd/directories.h"
#include "hostd/guests.h"
#include "hostd/kept_events.h"
#include "hostproto/messages.h"

namespace enforcer::hostd {

class Server {
 public:
  /// Listens at hostd_socket() (0660, root and enforcerd's group), replacing what an earlier run left there.
  static Result<Server> open(const config::Paths& paths, const Owner& enforcerd, std::optional<gid_t> admins,
                             host::Network& network, const config::Config& config, const host::AddressPlan& plan);

  /// Serves until `stop` (a signalfd) is readable, and tells the manager so. An error is one that makes going on
  /// pointless.
  Result<> run(Guests& guests, int stop, const ServiceNotify& manager);

  /// To enforcerd; one that does not take it is disconnected. Without one an event is kept, anything else is nobody's.
  void post(const hostproto::Notice& notice, const std::vector<Fd>& descriptors);

 private:
  enum class Phase { kConnected, kWelcomed, kServing };
  struct Peer {
    Fd socket;
    Phase phase = Phase::kConnected;
    Deadline greets_by;                        ///< a silent one must not keep the real one out
    std::optional<host::Listeners> listeners;  ///< between welcome and ready
    bool broken = false;                       ///< to be disconnected when the current step is over
  };

  Server(Fd listener, Owner enforcerd, ControlSocket control, host::Network& network, const config::Config& config,
         const host::AddressPlan& plan)
      : listener_(std::move(listener)),
        enforcerd_(enforcerd),
        control_(std::move(control)),
        network_(network),
        config_(config),
        plan_(plan) {}

  void accept_peer(Guests& guests);
  void refuse(const Fd& socket, const Error& why);
  void disconnect(Guests& guests, std::string_view why);
  void read_requests(Guests& guests);
  Result<> serve(Guests& guests, const hostproto::Request& request, const std::vector<Fd>& descriptors);
  void create(Guests& guests, const hostproto::CreateGuest& request, const std::vector<Fd>& descriptors);
  Result<> welcome(Guests& guests, const hostproto::Hello& hello);
  Result<> start_steering();
  /// Do the maps still lead to enforcerd's sockets?
  void check_steering(Guests& guests);
  static void thaw_before_the_end(Guests& guests);

  Fd listener_;
  Owner enforcerd_;
  ControlSocket control_;  ///< enforcerd's, for whoever asks it for a guest
  host::Network& network_;
  const config::Config& config_;
  const host::AddressPlan& plan_;
  std::optional<Peer> peer_;
  KeptEvents kept_events_;
};

}  // namespace enforcer::hostd
