#include "credentials/jwt.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "base/bytes.h"
#include "credentials/private_key.h"

namespace enforcer::credentials {
namespace {

struct FreeDigesting {
  void operator()(EVP_MD_CTX* digesting) const { EVP_MD_CTX_free(digesting); }
};

}  // namespace

WipedString base64url(std::string_view octets) {
  WipedString out((octets.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a NUL
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), as_bytes(octets).data(),
                  static_cast<int>(octets.size()));
  out.resize((octets.size() * 4 + 2) / 3);  // without the NUL and '='
  std::ranges::replace(out, '+', '-');
  std::ranges::replace(out, '/', '_');
  return out;
}

Result<WipedString> sign_rs256(std::string_view header, std::string_view payload, const Secret& key) {
  const RsaKey signer = TRY(rsa_key_in(key.reveal()));
  WipedString token = base64url(header);
  token += '.';
  token += base64url(payload);
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
  token += base64url(std::string_view(signature).substr(0, size));
  return token;
}

}  // namespace enforcer::credentials
