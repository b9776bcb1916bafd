#include "tls/openssl.h"

#include <fmt/format.h>

namespace enforcer::tls {

void FreeOpenSsl::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}
void FreeOpenSsl::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}
void FreeOpenSsl::operator()(ssl_st* session) const {
  SSL_free(session);
}
void FreeOpenSsl::operator()(x509_st* certificate) const {
  X509_free(certificate);
}

KeyHandle share(const KeyHandle& key) {
  EVP_PKEY_up_ref(key.get());
  return KeyHandle(key.get());
}

std::unexpected<Error> fail_openssl(Errc code, std::string_view what) {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return fail(code, fmt::format("{}: {}", what, reason != nullptr ? reason : "no reason given"));
}

}  // namespace enforcer::tls
