#include "tls/client_context.h"

#include "base/bytes.h"
#include "tls/connection.h"
#include "tls/trust_file.h"

namespace enforcer::tls {

Result<std::unique_ptr<ClientContext>> ClientContext::make(const TrustSources& trust) {
  auto context = TRY(make_context(TLS_client_method()));
  X509_STORE& store = *SSL_CTX_get_cert_store(context.get());
  if (trust.system) TRY_VOID(add_trusted(store, kSystemTrustFile));
  for (const std::string& file : trust.files) TRY_VOID(add_trusted(store, file));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  return std::unique_ptr<ClientContext>(new ClientContext(std::move(context)));
}

Result<SessionHandle> ClientContext::open(const HostName& host, const ApplicationProtocols& protocols) const {
  ERR_clear_error();
  SessionHandle session(SSL_new(context_.get()));
  const std::string offer = alpn_list(protocols);
  // The name decided on, verified by the SANs alone (RFC 6125 6.4.4, 7.2): no CN, no "f*.example".
  if (!session || SSL_set_tlsext_host_name(session.get(), host.text().c_str()) != 1 ||
      SSL_set1_host(session.get(), host.text().c_str()) != 1 ||
      SSL_set_alpn_protos(session.get(), as_bytes(offer).data(), static_cast<unsigned>(offer.size())) != 0) {
    return fail_openssl(Errc::kUnavailable, "cannot begin TLS");
  }
  SSL_set_hostflags(session.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return session;
}

}  // namespace enforcer::tls
