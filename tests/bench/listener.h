// A listening socket of the bench's servers.
#pragma once

#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>

#include "base/fd.h"

namespace enforcer::bench {

inline void set(const Fd& socket, int level, int option, int value) {
  setsockopt(socket.get(), level, option, &value, sizeof value);
}

/// Ends the program when it cannot listen. address: in host order; prepare(socket): before it is bound.
template <typename Prepare>
Fd listen_on(std::uint32_t address, int port, Prepare prepare) {
  Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
  prepare(listener);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(port));
  where.sin_addr.s_addr = htonl(address);
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 ||
      listen(listener.get(), 4096) != 0) {
    fmt::print(stderr, "cannot listen on port {}\n", port);
    std::exit(1);
  }
  return listener;
}

}  // namespace enforcer::bench
