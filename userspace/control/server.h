// The control API's server: HTTP/1.1 and JSON on a unix stream socket, on worker 0's io_context.
//
// One coroutine per connection (session.cc): read a head, find its route, compare the caller's role, and only then read
// the body, call the Backend, and answer. Two routes keep the connection for themselves: the log streams
// (log_stream.cc), and exec becomes a stream of frames (exec_relay.cc).
//
// Anybody on the host may connect, so strangers (role none) get little: a bound of their own on connections, one 403, a
// close, at most one line a second in the daemon's log, and a few records a minute (control/refusals.h). They cannot
// use up the connections of those with a role.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "control/peer.h"

namespace boost::asio {
class io_context;
}

namespace enforcer::control {

class Backend;

struct ServerOptions {
  std::string socket_path;
  RoleGroups groups;                 ///< RoleGroups::of_host()
  std::size_t max_connections = 64;  ///< of viewers, and of all others who have a role
  std::size_t max_stranger_connections = 16;
  std::size_t max_body = std::size_t{4} * 1024 * 1024;
  std::chrono::nanoseconds request_deadline = std::chrono::seconds(30);  ///< head and body, each; an answer's write
  std::chrono::nanoseconds idle_deadline = std::chrono::seconds(60);     ///< between requests
};

class Server {
 public:
  /// Takes the socket's path (a leftover of a dead daemon is removed) and begins to accept. kConflict: another daemon
  /// answers there. `backend` outlives every handler of `context`.
  static Result<std::unique_ptr<Server>> start(boost::asio::io_context& context, Backend& backend,
                                               ServerOptions options);

  /// stop()s.
  ~Server();

  /// Accepts no more, breaks off what is open, and removes the socket. On the context's thread, or when it has stopped.
  void stop();

 private:
  class Acceptor;
  explicit Server(std::shared_ptr<Acceptor> acceptor);
  std::shared_ptr<Acceptor> acceptor_;
};

}  // namespace enforcer::control
