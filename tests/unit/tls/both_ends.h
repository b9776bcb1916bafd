// Both ends of one connection in one process, each of them ours.
#pragma once

#include "guest_side.h"

namespace enforcer::tls::test {

/// server: towards a guest. client: towards an origin, with the guest's CA as its trust, so that they understand each
/// other.
struct BothEnds {
  GuestSide guest_side;
  Loop loop;
  SocketPair pair;
  std::unique_ptr<ClientContext> client_context =
      ClientContext::make({.system = false, .files = {guest_side.scratch.file("ca.pem")}}).value();
  std::unique_ptr<net::AsyncSocket> server_socket = loop.watch(std::move(pair.ours));
  std::unique_ptr<net::AsyncSocket> client_socket = [this] {
    fcntl(pair.other.get(), F_SETFL, O_NONBLOCK);
    return loop.watch(std::move(pair.other));
  }();
  std::unique_ptr<Stream> server = guest_side.accept(*server_socket);
  std::unique_ptr<Stream> client =
      Stream::connect(*client_socket, *client_context, guest_side.ok, {ApplicationProtocol::kHttp1}).value();

  /// Both handshakes.
  void shake() {
    loop.run([this]() -> asio::awaitable<void> { CHECK(co_await server->handshake()); },
             [this]() -> asio::awaitable<void> { CHECK(co_await client->handshake()); });
  }
};

}  // namespace enforcer::tls::test
