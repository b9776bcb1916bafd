#include "tls/certificate_text.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <ctime>
#include <memory>

namespace enforcer::tls {
namespace {

struct Release {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using BioPtr = std::unique_ptr<BIO, Release>;
using CertificatePtr = std::unique_ptr<X509, Release>;

std::string subject_of(const X509& certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  ENFORCER_CHECK(out != nullptr);
  // Escapes control characters and everything that is not ASCII.
  X509_NAME_print_ex(out.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string fingerprint_of(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  ENFORCER_CHECK(X509_digest(&certificate, EVP_sha256(), digest.data(), &size) == 1);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
  return text;
}

Result<WallClock::time_point> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return fail(Errc::kInvalid, "the certificate has no time that can be read");
  return WallClock::from_time_t(timegm(&parts));
}

}  // namespace

Result<CertificateText> describe_certificate(std::string_view pem) {
  const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  ENFORCER_CHECK(in != nullptr);
  const CertificatePtr certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate == nullptr) return fail(Errc::kInvalid, "not a PEM certificate");
  return CertificateText{.subject = subject_of(*certificate),
                         .fingerprint = fingerprint_of(*certificate),
                         .not_before = TRY(time_of(X509_get0_notBefore(certificate.get()))),
                         .not_after = TRY(time_of(X509_get0_notAfter(certificate.get())))};
}

}  // namespace enforcer::tls
