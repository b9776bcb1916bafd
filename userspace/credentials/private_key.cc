#include "credentials/private_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace enforcer::credentials {
namespace {

constexpr std::string_view kPemEnd = "PRIVATE KEY-----";
constexpr int kMinRsaBits = 2048;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

std::size_t count_of(std::string_view what, std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

/// What OpenSSL would refuse or pass over in its own words.
Result<> check_frame(std::string_view text) {
  if (!text.starts_with("-----BEGIN ")) {
    return fail(Errc::kInvalid, "not a private key in PEM: it does not begin with -----BEGIN");
  }
  if (text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")) {
    return fail(Errc::kInvalid, "the private key is encrypted: write it without a passphrase ('openssl pkey')");
  }
  if (text.contains("BEGIN OPENSSH PRIVATE KEY")) {
    return fail(Errc::kInvalid, "the private key is in OpenSSH's own form: convert it ('ssh-keygen -p -m PKCS8')");
  }
  const auto ends = count_of(kPemEnd, text);
  if (ends == 0) return fail(Errc::kInvalid, "the PEM holds no private key");
  if (ends != 2) return fail(Errc::kInvalid, "the PEM is cut off, or holds more than one private key");
  return {};
}

/// Instead of OpenSSL's own, which asks the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

void FreeKey::operator()(EVP_PKEY* key) const {
  EVP_PKEY_free(key);
}

Result<RsaKey> rsa_key_in(std::string_view pem) {
  TRY_VOID(check_frame(pem));
  const std::unique_ptr<BIO, FreeBio> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  RsaKey key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr) : nullptr);
  ERR_clear_error();  // what another caller on this thread finds there is not ours
  if (!key) return fail(Errc::kInvalid, "the private key in the PEM is broken");
  if (EVP_PKEY_is_a(key.get(), "RSA") != 1) {
    return fail(Errc::kInvalid, "the private key is not of RSA: RS256, with which it would sign, takes no other");
  }
  if (EVP_PKEY_get_bits(key.get()) < kMinRsaBits) {
    return fail(Errc::kInvalid, "the private key of RSA has less than 2048 bits (RFC 7518 3.3)");
  }
  return key;
}

Result<Value> read_private_key(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return fail(Errc::kInvalid, "the value is empty");
  text = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  TRY_VOID(rsa_key_in(text));
  Secret secret = TRY(Secret::copy_of(text));
  return Value{.secret = std::make_shared<const Secret>(std::move(secret)), .expires = std::nullopt};
}

}  // namespace enforcer::credentials
