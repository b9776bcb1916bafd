// Certificates of every kind, good and bad, made for one test by plain OpenSSL.
#pragma once

#include <openssl/pem.h>

#include <string>
#include <utility>
#include <vector>

#include "openssl_peer.h"

namespace enforcer::tls::test {

struct Certified {
  Certificate certificate;
  Key key;
};

/// What a certificate is to be; the defaults are those of a good leaf for ok.test, but for its issuer.
struct Wish {
  const Certified* issuer = nullptr;  ///< null: vouches for itself
  std::string common_name = "a test";
  std::vector<std::pair<int, std::string>> names = {{GEN_DNS, "ok.test"}};
  int begins_days = -1;
  int ends_days = 10;
  const char* basic_constraints = "critical,CA:FALSE";
  const char* name_constraints = nullptr;
  unsigned rsa_bits = 0;  ///< 0: P-256
  const EVP_MD* digest = EVP_sha256();
};

inline void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  REQUIRE(made != nullptr);
  X509_add_ext(certificate, made, -1);
  X509_EXTENSION_free(made);
}

inline void add_names(X509* certificate, const std::vector<std::pair<int, std::string>>& wished) {
  GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
  for (const auto& [type, value] : wished) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_STRING* text = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    ASN1_STRING_set(text, value.data(), static_cast<int>(value.size()));  // also one with a NUL in it
    GENERAL_NAME_set0_value(name, type, text);
    sk_GENERAL_NAME_push(names, name);
  }
  X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
  GENERAL_NAMES_free(names);
}

inline Certified certify(const Wish& wish) {
  static long serial = 1;
  Certified made{.certificate = Certificate(X509_new()),
                 .key = Key(wish.rsa_bits != 0 ? EVP_RSA_gen(wish.rsa_bits) : EVP_EC_gen("P-256"))};
  X509* certificate = made.certificate.get();
  X509* issuer = wish.issuer != nullptr ? wish.issuer->certificate.get() : certificate;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_time_adj_ex(X509_getm_notBefore(certificate), wish.begins_days, 0, nullptr);
  X509_time_adj_ex(X509_getm_notAfter(certificate), wish.ends_days, 0, nullptr);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_ASC,
                             as_bytes(wish.common_name).data(), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  add_extension(certificate, issuer, NID_basic_constraints, wish.basic_constraints);
  add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
  if (wish.name_constraints != nullptr) add_extension(certificate, issuer, NID_name_constraints, wish.name_constraints);
  if (!wish.names.empty()) add_names(certificate, wish.names);
  REQUIRE(X509_sign(certificate, wish.issuer != nullptr ? wish.issuer->key.get() : made.key.get(), wish.digest) > 0);
  return made;
}

inline Certified certify_authority(const std::string& name, const Certified* issuer = nullptr) {
  return certify({.issuer = issuer, .common_name = name, .names = {}, .basic_constraints = "critical,CA:TRUE"});
}

inline std::string pem_of(const Certified& certified) {
  const std::unique_ptr<BIO, Freed<BIO_free>> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certified.certificate.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace enforcer::tls::test
