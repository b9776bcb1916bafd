// RSA keys in PEM: that of RFC 7515 A.2, and fresh ones.
#pragma once

#include <doctest/doctest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"

namespace enforcer::credentials::testing {

using Pkey = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

inline std::string octets_of_base64url(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int have = 0;
  for (const char c : text) {
    const auto value = std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_").find(c);
    REQUIRE(value != std::string_view::npos);
    bits = bits << 6 | static_cast<unsigned>(value);
    if ((have += 6) >= 8) out += static_cast<char>(bits >> (have -= 8) & 0xff);
  }
  return out;
}

/// "private key" of PKCS#8, as `openssl genpkey` writes it.
inline std::string pem_of_key(EVP_PKEY* key, const char* password = nullptr) {
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(out, key, password == nullptr ? nullptr : EVP_aes_128_cbc(), nullptr, 0, nullptr,
                           const_cast<char*>(password));
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(out);
  return text;
}
/// "RSA private key" of PKCS#1, as GitHub gives it.
inline std::string traditional_pem_of_key(EVP_PKEY* key) {
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey_traditional(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(out);
  return text;
}

inline Pkey rsa_key_of_bits(unsigned bits) {
  return {EVP_RSA_gen(bits), EVP_PKEY_free};
}

/// The JWK of RFC 7515 A.2.1.
inline Pkey rfc7515_key() {
  const std::vector<std::pair<const char*, std::string_view>> parts = {
      {OSSL_PKEY_PARAM_RSA_N,
       "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0B"
       "m4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5"
       "z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7"
       "aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"},
      {OSSL_PKEY_PARAM_RSA_E, "AQAB"},
      {OSSL_PKEY_PARAM_RSA_D,
       "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2N"
       "XOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M"
       "_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x"
       "_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ"},
      {OSSL_PKEY_PARAM_RSA_FACTOR1,
       "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py"
       "5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"},
      {OSSL_PKEY_PARAM_RSA_FACTOR2,
       "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQ"
       "eZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"},
      {OSSL_PKEY_PARAM_RSA_EXPONENT1,
       "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu"
       "1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0"},
      {OSSL_PKEY_PARAM_RSA_EXPONENT2,
       "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0a"
       "jaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU"},
      {OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
       "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY"
       "7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"}};
  OSSL_PARAM_BLD* building = OSSL_PARAM_BLD_new();
  std::vector<BIGNUM*> numbers;
  for (const auto& [name, text] : parts) {
    const std::string octets = octets_of_base64url(text);
    numbers.push_back(
        BN_bin2bn(reinterpret_cast<const unsigned char*>(octets.data()), static_cast<int>(octets.size()), nullptr));
    OSSL_PARAM_BLD_push_BN(building, name, numbers.back());
  }
  OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(building);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY* key = nullptr;
  REQUIRE(EVP_PKEY_fromdata_init(context) == 1);
  REQUIRE(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) == 1);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(building);
  for (BIGNUM* number : numbers) BN_free(number);
  return {key, EVP_PKEY_free};
}

inline Secret secret_of_text(std::string_view text) {
  return Secret::copy_of(text).value();
}

/// The claims of a compact JWT, whose signature is proved with the public half of `key`.
inline std::string proven_claims(std::string_view token, EVP_PKEY* key) {
  const auto last = token.rfind('.');
  const auto first = token.find('.');
  REQUIRE(first != std::string_view::npos);
  REQUIRE(first < last);
  const std::string signature = octets_of_base64url(token.substr(last + 1));
  EVP_MD_CTX* proving = EVP_MD_CTX_new();
  REQUIRE(EVP_DigestVerifyInit(proving, nullptr, EVP_sha256(), nullptr, key) == 1);
  CHECK(EVP_DigestVerify(proving, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                         reinterpret_cast<const unsigned char*>(token.data()), last) == 1);
  EVP_MD_CTX_free(proving);
  return octets_of_base64url(token.substr(first + 1, last - first - 1));
}

}  // namespace enforcer::credentials::testing
