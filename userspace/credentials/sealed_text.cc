#include "credentials/sealed_text.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

namespace enforcer::credentials {
namespace {

constexpr std::string_view kMagic{"ENFSEC\x00\x01", 8};
constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }  // wipes the key schedule
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* room_in(std::span<char> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

/// Everything but the texts: the key, the nonce, and what belongs to the text (the head of the file, so that no other
/// version can be made of it, and the name).
CipherContext prepare(const Secret& key, std::string_view name, std::string_view nonce, int encrypts) {
  ENFORCER_CHECK(key.reveal().size() == kSealKeySize);
  CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool ready = context &&
                     EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, octets(key.reveal()), octets(nonce),
                                       encrypts) == 1 &&
                     EVP_CipherUpdate(context.get(), nullptr, &size, octets(kMagic), kMagic.size()) == 1 &&
                     EVP_CipherUpdate(context.get(), nullptr, &size, octets(name), static_cast<int>(name.size())) == 1;
  return ready ? std::move(context) : nullptr;
}

std::unexpected<Error> broken_library() {
  ERR_clear_error();
  return fail(Errc::kUnavailable, "OpenSSL has no AES-256-GCM or no random bytes");
}

}  // namespace

Result<std::string> seal(const Secret& key, std::string_view name, const Secret& text) {
  const std::string_view plain = text.reveal();
  std::string sealed(kMagic.size() + kNonce + plain.size() + kTag, '\0');
  kMagic.copy(sealed.data(), kMagic.size());
  const auto nonce = std::span(sealed).subspan(kMagic.size(), kNonce);
  const auto cipher = std::span(sealed).subspan(kMagic.size() + kNonce, plain.size());
  const auto tag = std::span(sealed).last(kTag);
  if (RAND_bytes(room_in(nonce), kNonce) != 1) return broken_library();
  const auto context = prepare(key, name, {nonce.data(), nonce.size()}, 1);
  int size = 0;
  const bool done =
      context &&
      EVP_CipherUpdate(context.get(), room_in(cipher), &size, octets(plain), static_cast<int>(plain.size())) == 1 &&
      EVP_CipherFinal_ex(context.get(), room_in(tag), &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag, tag.data()) == 1;
  if (!done) return broken_library();
  return sealed;
}

Result<Secret> unseal(const Secret& key, std::string_view name, std::string_view sealed) {
  const bool fits = sealed.size() > kMagic.size() + kNonce + kTag &&
                    sealed.size() <= kMagic.size() + kNonce + kTag + Secret::kMaxSize && sealed.starts_with(kMagic);
  if (!fits) return fail(Errc::kInvalid, "it is nothing that was encrypted by this version");
  const std::string_view nonce = sealed.substr(kMagic.size(), kNonce);
  const std::string_view cipher = sealed.substr(kMagic.size() + kNonce, sealed.size() - kMagic.size() - kNonce - kTag);
  std::string tag(sealed.substr(sealed.size() - kTag));
  LockedBuffer plain = TRY(LockedBuffer::make(cipher.size()));
  const auto context = prepare(key, name, nonce, 0);
  int size = 0;
  if (!context || EVP_CipherUpdate(context.get(), room_in(plain.bytes()), &size, octets(cipher),
                                   static_cast<int>(cipher.size())) != 1) {
    return broken_library();
  }
  // Not a byte is believed before the tag is found right.
  const bool genuine = EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
                       EVP_CipherFinal_ex(context.get(), room_in(tag), &size) == 1;
  ERR_clear_error();
  if (!genuine) {
    return fail(Errc::kInvalid,
                "it cannot be decrypted: the key is another one than it was stored under, or the file was changed or "
                "renamed");
  }
  return Secret::copy_of({plain.bytes().data(), plain.bytes().size()});
}

}  // namespace enforcer::credentials
