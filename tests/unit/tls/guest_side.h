// What a test of the guest's leg needs: one guest with its CA, and a client that trusts it.
#pragma once

#include <openssl/pem.h>

#include "../temporary_folder.h"
#include "base/ids.h"
#include "loop.h"
#include "openssl_peer.h"
#include "tls/authority.h"
#include "tls/leaf_cache.h"
#include "tls/stream.h"

namespace enforcer::tls::test {

inline HostName host(std::string_view text) {
  return HostName::parse(text).value();
}
inline GuestName guest(std::string_view text) {
  return GuestName::parse(text).value();
}

inline Certificate certificate_from(const std::string& pem) {
  const std::unique_ptr<BIO, Freed<BIO_free>> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

struct GuestSide {
  TemporaryFolder scratch;
  GuestName name = guest("g1");
  Epoch epoch{7};
  HostName ok = host("ok.test");
  std::shared_ptr<const CertificateAuthority> authority =
      CertificateAuthority::open_or_make(scratch.path(), name).value();
  LeafCache leaves{authority, LeafKey::make().value()};
  std::unique_ptr<ServerContext> context = ServerContext::make().value();

  Context client_context = [this] {
    Context made(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(made.get()), certificate_from(authority->certificate_pem()).get());
    return made;
  }();

  /// A client's session that asks for `asked` and takes nothing else.
  Session client(const std::string& asked = "ok.test", const std::vector<std::string>& alpn = {"http/1.1"}) const {
    Session session(SSL_new(client_context.get()));
    SSL_set_tlsext_host_name(session.get(), asked.c_str());
    SSL_set1_host(session.get(), asked.c_str());
    const std::string wire = alpn_wire(alpn);
    if (!wire.empty()) SSL_set_alpn_protos(session.get(), as_bytes(wire).data(), static_cast<unsigned>(wire.size()));
    return session;
  }

  std::unique_ptr<Stream> accept(net::AsyncSocket& socket, std::vector<std::uint8_t> received = {}) {
    const auto leaf = leaves.leaf_for(ok).value();
    return Stream::accept(
               socket, *context,
               {.guest = name, .epoch = epoch, .host = ok, .leaf = *leaf, .protocols = {ApplicationProtocol::kHttp1}},
               std::move(received))
        .value();
  }
};

}  // namespace enforcer::tls::test
