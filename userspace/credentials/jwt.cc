#include "credentials/jwt.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>
#include <span>

#include "base/base64url.h"
#include "base/bytes.h"
#include "credentials/private_key.h"

namespace enforcer::credentials {
namespace {

struct FreeDigesting {
  void operator()(EVP_MD_CTX* digesting) const { EVP_MD_CTX_free(digesting); }
};

void append_base64url(WipedString& out, std::string_view octets) {
  const std::size_t before = out.size();
  out.resize(before + base64url_size(octets.size()));
  base64url(as_bytes(octets), std::span(out).subspan(before));
}

}  // namespace

Result<WipedString> sign_rs256(std::string_view header, std::string_view payload, const Secret& key) {
  const RsaKey signer = TRY(rsa_key_in(key.reveal()));
  WipedString token;
  append_base64url(token, header);
  token += '.';
  append_base64url(token, payload);
  const std::unique_ptr<EVP_MD_CTX, FreeDigesting> digesting(EVP_MD_CTX_new());
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(signer.get()));
  std::string signature(size, '\0');
  const bool is_signed = digesting &&
                         EVP_DigestSignInit(digesting.get(), nullptr, EVP_sha256(), nullptr, signer.get()) == 1 &&
                         EVP_DigestSign(digesting.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                                        as_bytes(token).data(), token.size()) == 1;
  ERR_clear_error();
  if (!is_signed) return fail(Errc::kInvalid, "the RSA key cannot sign");
  token += '.';
  append_base64url(token, std::string_view(signature).substr(0, size));
  return token;
}

}  // namespace enforcer::credentials
