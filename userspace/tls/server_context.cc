#include "tls/server_context.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include "base/bytes.h"
#include "tls/connection.h"

namespace enforcer::tls {
namespace {

using SessionOwner = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;
static_assert(sizeof(SessionOwner) <= SSL_MAX_SID_CTX_LENGTH);

/// Whose tickets these are. None of the three parts can hold a space.
SessionOwner owner_of(const Acceptance& how) {
  const std::string text = fmt::format("{} {} {}", how.guest.text(), to_string(how.epoch), how.host.text());
  SessionOwner owner;
  SHA256(as_bytes(text).data(), text.size(), owner.data());
  return owner;
}

}  // namespace

Result<std::unique_ptr<ServerContext>> ServerContext::make() {
  auto context = TRY(make_context(TLS_server_method()));
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // The chain is one leaf; OpenSSL would look for more at each handshake.
  SSL_CTX_set_mode(context.get(), SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  watch_clients(*context);
  return std::unique_ptr<ServerContext>(new ServerContext(std::move(context)));
}

Result<SessionHandle> ServerContext::open(const Acceptance& how) const {
  ERR_clear_error();
  SessionHandle session(SSL_new(context_.get()));
  const SessionOwner owner = owner_of(how);
  if (!session || SSL_use_certificate(session.get(), how.leaf.certificate().get()) != 1 ||
      SSL_use_PrivateKey(session.get(), how.leaf.key().get()) != 1 ||
      SSL_set_session_id_context(session.get(), owner.data(), owner.size()) != 1) {
    return fail_openssl(Errc::kUnavailable, "cannot begin TLS");
  }
  return session;
}

}  // namespace enforcer::tls
