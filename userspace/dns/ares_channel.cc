#include "dns/ares_channel.h"

#include <fmt/format.h>
#include <sys/time.h>

#include <chrono>

#include "dns/wire.h"

namespace enforcer::dns {

namespace asio = boost::asio;

namespace {

constexpr int kTryMilliseconds = 2000;  // c-ares doubles it with each round over the servers
constexpr int kTries = 3;

/// Once in the process; it is reference-counted there, but not thread-safe.
int library_status() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  return status;
}

std::string server_list(std::span<const Endpoint> servers) {
  std::string list;
  for (const Endpoint& server : servers) list += (list.empty() ? "" : ",") + server.to_string();
  return list;
}

}  // namespace

Result<std::unique_ptr<AresChannel>> AresChannel::make(asio::io_context& io, std::span<const Endpoint> servers) {
  const auto failed = [](int status) {
    return fail(Errc::kUnavailable, fmt::format("DNS resolver: {}", ares_strerror(status)));
  };
  if (const int status = library_status(); status != ARES_SUCCESS) return failed(status);
  std::unique_ptr<AresChannel> self(new AresChannel(io));  // private constructor: a channel that exists works

  ares_options options{};
  char lookups[] = "b";  // DNS only, no hosts file
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
  options.timeout = kTryMilliseconds;
  options.tries = kTries;
  options.ednspsz = static_cast<int>(kMaxUdpAnswer);
  options.lookups = lookups;
  options.domains = nullptr;
  options.ndomains = 0;
  options.sock_state_cb = on_socket_state;
  options.sock_state_cb_data = self.get();
  constexpr int kMask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
                        ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB;
  if (const int status = ares_init_options(&self->channel_, &options, kMask); status != ARES_SUCCESS) {
    self->channel_ = nullptr;
    return failed(status);
  }
  if (!servers.empty()) {
    const int status = ares_set_servers_ports_csv(self->channel_, server_list(servers).c_str());
    if (status != ARES_SUCCESS) return failed(status);
  }
  return self;
}

AresChannel::~AresChannel() {
  if (channel_ != nullptr) ares_destroy(channel_);  // closes the sockets, each through on_socket_state
}

void AresChannel::query(const std::string& name, Type type, ares_callback done, void* argument) {
  ares_query(channel_, name.c_str(), kClassIn, static_cast<int>(type), done, argument);
  set_timer();
}

/// c-ares says what it waits for on a socket; neither reading nor writing means that it closes the socket next.
void AresChannel::on_socket_state(void* argument, ares_socket_t fd, int readable, int writable) {
  auto& self = *static_cast<AresChannel*>(argument);
  if (readable == 0 && writable == 0) {
    const auto found = self.sockets_.find(fd);
    if (found == self.sockets_.end()) return;
    found->second->wants_read = found->second->wants_write = false;
    found->second->descriptor.release();  // ends the waits; the descriptor stays with c-ares
    self.sockets_.erase(found);
    return;
  }
  SharedSocket& socket = self.sockets_[fd];
  if (!socket) {
    socket = std::make_shared<Socket>(self.io_);
    boost::system::error_code error;
    socket->descriptor.assign(fd, error);
    if (error) {  // never readable: the query ends by its timeout
      self.sockets_.erase(fd);
      return;
    }
  }
  socket->wants_read = readable != 0;
  socket->wants_write = writable != 0;
  self.watch(fd, SharedSocket(socket));
}

void AresChannel::watch(ares_socket_t fd, const SharedSocket& socket) {
  if (socket->wants_read && !socket->reading) {
    socket->reading = true;
    socket->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                  [this, fd, socket](const boost::system::error_code&) {
                                    socket->reading = false;
                                    if (socket->wants_read) socket_ready(fd, socket, fd, ARES_SOCKET_BAD);
                                  });
  }
  if (socket->wants_write && !socket->writing) {
    socket->writing = true;
    socket->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                                  [this, fd, socket](const boost::system::error_code&) {
                                    socket->writing = false;
                                    if (socket->wants_write) socket_ready(fd, socket, ARES_SOCKET_BAD, fd);
                                  });
  }
}

/// Only for a socket that still wants something: c-ares has it open, so we exist too.
void AresChannel::socket_ready(ares_socket_t fd, const SharedSocket& socket, ares_socket_t read, ares_socket_t write) {
  ares_process_fd(channel_, read, write);
  watch(fd, socket);
  set_timer();
}

void AresChannel::set_timer() {
  timeval storage{};
  const timeval* const wait = ares_timeout(channel_, nullptr, &storage);
  if (wait == nullptr) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::seconds(wait->tv_sec) + std::chrono::microseconds(wait->tv_usec));
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer();
  });
}

}  // namespace enforcer::dns
