// Owners of OpenSSL objects for headers that others include: OpenSSL's own headers stay in our .cc files.
#pragma once

#include <memory>

// As OpenSSL declares them.
struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;

namespace enforcer::tls {

struct FreeOpenSsl {
  void operator()(evp_pkey_st* key) const;
  void operator()(ssl_ctx_st* context) const;
  void operator()(ssl_st* session) const;
  void operator()(x509_st* certificate) const;
};

using KeyHandle = std::unique_ptr<evp_pkey_st, FreeOpenSsl>;
using ContextHandle = std::unique_ptr<ssl_ctx_st, FreeOpenSsl>;
using SessionHandle = std::unique_ptr<ssl_st, FreeOpenSsl>;
using CertificateHandle = std::unique_ptr<x509_st, FreeOpenSsl>;

/// One more owner of the same object; the count is atomic.
[[nodiscard]] KeyHandle share(const KeyHandle& key);

}  // namespace enforcer::tls
