// AresChannel: a c-ares channel whose sockets and timer are watched by an io_context. Internal to dns/.
#pragma once

#include <ares.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "base/ip.h"
#include "base/result.h"
#include "dns/message.h"

namespace enforcer::dns {

class AresChannel {
 public:
  /// `servers`: as Resolver::make.
  static Result<std::unique_ptr<AresChannel>> make(boost::asio::io_context& io, std::span<const Endpoint> servers);
  /// Every query still waiting is called back with ARES_EDESTRUCTION before this returns.
  ~AresChannel();
  AresChannel(const AresChannel&) = delete;
  AresChannel& operator=(const AresChannel&) = delete;

  /// One query for exactly this name. `done` is called once, perhaps before this returns.
  void query(const std::string& name, Type type, ares_callback done, void* argument);

 private:
  /// A socket that c-ares opened and will close; we only watch it.
  struct Socket {
    explicit Socket(boost::asio::io_context& io) : descriptor(io) {}
    boost::asio::posix::stream_descriptor descriptor;
    bool wants_read = false;
    bool wants_write = false;
    bool reading = false;  ///< a wait is under way
    bool writing = false;
  };
  using SharedSocket = std::shared_ptr<Socket>;  // its waits may end after c-ares closed it

  explicit AresChannel(boost::asio::io_context& io) : io_(io), timer_(io) {}

  static void on_socket_state(void* self, ares_socket_t fd, int readable, int writable);
  void watch(ares_socket_t fd, const SharedSocket& socket);
  void socket_ready(ares_socket_t fd, const SharedSocket& socket, ares_socket_t read, ares_socket_t write);
  void set_timer();

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  ares_channel channel_ = nullptr;
  std::unordered_map<ares_socket_t, SharedSocket> sockets_;
  std::shared_ptr<const char> alive_ = std::make_shared<const char>('\0');  // handlers ask whether we still exist
};

}  // namespace enforcer::dns
