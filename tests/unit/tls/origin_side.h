// What a test of the origin's leg needs: a trusted CA, and an OpenSSL server with any certificate.
#pragma once

#include "../temporary_folder.h"
#include "guest_side.h"
#include "pki.h"

namespace enforcer::tls::test {

/// How a handshake of ours with an origin ended.
struct Met {
  HandshakeFault fault = HandshakeFault::kNone;
  std::string message;  ///< empty: well
  std::string heard;    ///< what the origin read afterwards; nothing may reach one that was not accepted
};

struct OriginSide {
  TemporaryFolder scratch;
  Certified authority = certify_authority("trusted");
  Certified leaf = certify({.issuer = &authority});
  std::unique_ptr<ClientContext> context =
      ClientContext::make({.system = false, .files = {scratch.write("trusted.pem", pem_of(authority))}}).value();

  static Context server_context(const Certified& leaf, const std::vector<const Certified*>& chain = {}) {
    Context made(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_security_level(made.get(), 0);  // it may be as weak as it likes: ours must refuse
    REQUIRE(SSL_CTX_use_certificate(made.get(), leaf.certificate.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(made.get(), leaf.key.get()) == 1);
    for (const Certified* more : chain) SSL_CTX_add1_chain_cert(made.get(), more->certificate.get());
    return made;
  }

  std::unique_ptr<Stream> connect(net::AsyncSocket& socket, const HostName& to = host("ok.test")) const {
    return Stream::connect(socket, *context, to, {ApplicationProtocol::kHttp1}).value();
  }

  /// Says "secret" to this server after a handshake that went well.
  Met meet(SSL_CTX* server, const HostName& to = host("ok.test")) const {
    Loop loop;
    SocketPair pair;
    Met met;
    const OpenSslPeer origin(Session(SSL_new(server)), std::move(pair.other), [&met](SSL* ssl) {
      if (SSL_accept(ssl) == 1) met.heard = read_to_end(ssl);
    });
    const auto socket = loop.watch(std::move(pair.ours));
    const auto stream = connect(*socket, to);
    loop.run([&]() -> asio::awaitable<void> {
      if (const auto shaken = co_await stream->handshake(); !shaken) met.message = shaken.error().message;
      met.fault = stream->fault();
      if (met.message.empty()) CHECK(co_await stream->write_all(as_bytes("secret")));
      stream->end_writing();
    });
    return met;
  }
};

}  // namespace enforcer::tls::test
