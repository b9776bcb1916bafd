// What our .cc files share about OpenSSL. Not for headers.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string_view>

#include "base/result.h"
#include "tls/handles.h"

namespace enforcer::tls {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freed<Free>>;

using BioHandle = Owned<BIO, BIO_free>;

/// Empties this thread's queue of errors: before each call whose failure SSL_get_error() has to explain. Looks first,
/// because ERR_clear_error() walks over all sixteen entries also where there is none.
inline void forget_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

/// "what: reason", with the reason of this thread's oldest queued error: a constant text of OpenSSL, never something a
/// peer wrote. Empties the queue.
[[nodiscard]] std::unexpected<Error> fail_openssl(Errc code, std::string_view what);

}  // namespace enforcer::tls
