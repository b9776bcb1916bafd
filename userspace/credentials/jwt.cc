#include "credentials/jwt.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>

#include "base/bytes.h"

namespace enforcer::credentials {
namespace {

/// RFC 7518 3.3: "A key of size 2048 bits or larger MUST be used".
constexpr int kFewestBits = 2048;

template <auto Free>
struct FreedBy {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using PemReader = std::unique_ptr<BIO, FreedBy<BIO_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using Digesting = std::unique_ptr<EVP_MD_CTX, FreedBy<EVP_MD_CTX_free>>;

/// OpenSSL would ask the terminal for the password of an encrypted key.
int no_password(char*, int, int, void*) {
  return 0;
}

Result<PrivateKey> rsa_key(const Secret& pem) {
  const std::string_view text = pem.reveal();
  const PemReader reader(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  PrivateKey key(reader ? PEM_read_bio_PrivateKey(reader.get(), nullptr, no_password, nullptr) : nullptr);
  ERR_clear_error();
  if (!key) return fail(Errc::kInvalid, "the value is no private key in PEM, or an encrypted one");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return fail(Errc::kInvalid, "the private key is not of RSA");
  if (EVP_PKEY_get_bits(key.get()) < kFewestBits) {
    return fail(Errc::kInvalid, "the RSA key has less than 2048 bits (RFC 7518 3.3)");
  }
  return key;
}

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
  const PrivateKey signer = TRY(rsa_key(key));
  WipedString token = base64url(header);
  token += '.';
  token += base64url(payload);
  const Digesting digesting(EVP_MD_CTX_new());
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
