#include "tls/certificate_builder.h"

#include <openssl/ec.h>
#include <openssl/rand.h>

#include <array>
#include <tuple>

#include "base/bytes.h"

namespace enforcer::tls {

// OpenSSL writes a key that a provider made into a certificate by encoding it and decoding that again, which takes
// 160 µs (OpenSSL 3.0). One that is held as an EC_KEY takes 4, and signs as fast.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
Result<KeyHandle> make_key() {
  ERR_clear_error();
  EC_KEY* pair = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
  KeyHandle key(EVP_PKEY_new());
  const bool good =
      pair != nullptr && key && EC_KEY_generate_key(pair) == 1 && EVP_PKEY_set1_EC_KEY(key.get(), pair) == 1;
  EC_KEY_free(pair);
  if (!good) return fail_openssl(Errc::kUnavailable, "cannot make a key");
  return key;
}
#pragma clang diagnostic pop

CertificateBuilder::CertificateBuilder() : certificate_(X509_new()), issuer_(certificate_.get()) {
  ERR_clear_error();
  std::array<std::uint8_t, 16> serial;
  const Owned<BIGNUM, BN_free> number(
      RAND_bytes(serial.data(), serial.size()) == 1 ? BN_bin2bn(serial.data(), serial.size(), nullptr) : nullptr);
  good_ = certificate_ && number && X509_set_version(certificate_.get(), X509_VERSION_3) == 1 &&
          BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate_.get())) != nullptr;
}

void CertificateBuilder::common_name(const std::string& text) {
  good_ = good_ && X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate_.get()), NID_commonName, MBSTRING_ASC,
                                              as_bytes(text).data(), static_cast<int>(text.size()), -1, 0) == 1;
}

void CertificateBuilder::valid(WallClock::time_point from, WallClock::time_point until) {
  good_ = good_ && ASN1_TIME_set(X509_getm_notBefore(certificate_.get()), WallClock::to_time_t(from)) != nullptr &&
          ASN1_TIME_set(X509_getm_notAfter(certificate_.get()), WallClock::to_time_t(until)) != nullptr;
}

void CertificateBuilder::key(const KeyHandle& key) {
  good_ = good_ && X509_set_pubkey(certificate_.get(), key.get()) == 1;
}

void CertificateBuilder::issuer(const CertificateHandle& issuer) {
  issuer_ = issuer.get();
}

void CertificateBuilder::extension(int nid, const char* value) {
  if (!good_) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer_, certificate_.get(), nullptr, nullptr, 0);
  const Owned<X509_EXTENSION, X509_EXTENSION_free> made(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  good_ = made && X509_add_ext(certificate_.get(), made.get(), -1) == 1;
}

void CertificateBuilder::only_name(const HostName& host) {
  if (!good_) return;
  const Owned<GENERAL_NAMES, GENERAL_NAMES_free> names(sk_GENERAL_NAME_new_null());
  Owned<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
  Owned<ASN1_IA5STRING, ASN1_IA5STRING_free> text(ASN1_IA5STRING_new());
  good_ = names && name && text &&
          ASN1_STRING_set(text.get(), host.text().data(), static_cast<int>(host.text().size())) == 1;
  if (!good_) return;
  GENERAL_NAME_set0_value(name.get(), GEN_DNS, text.release());
  good_ = sk_GENERAL_NAME_push(names.get(), name.get()) > 0;
  if (!good_) return;
  std::ignore = name.release();
  // RFC 5280 4.2.1.6: critical where the subject is empty.
  const bool anonymous = X509_NAME_entry_count(X509_get_subject_name(certificate_.get())) == 0;
  good_ = X509_add1_ext_i2d(certificate_.get(), NID_subject_alt_name, names.get(), anonymous ? 1 : 0,
                            X509V3_ADD_DEFAULT) == 1;
}

Result<CertificateHandle> CertificateBuilder::sign(const KeyHandle& by) {
  good_ = good_ && X509_set_issuer_name(certificate_.get(), X509_get_subject_name(issuer_)) == 1 &&
          X509_sign(certificate_.get(), by.get(), EVP_sha256()) > 0;
  if (!good_) return fail_openssl(Errc::kUnavailable, "cannot make a certificate");
  return std::move(certificate_);
}

}  // namespace enforcer::tls
