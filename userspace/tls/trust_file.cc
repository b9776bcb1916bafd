#include "tls/trust_file.h"

#include <fmt/format.h>
#include <openssl/pem.h>

#include <algorithm>

#include "base/files.h"

namespace enforcer::tls {
namespace {

constexpr std::size_t kMaxTrustFile = std::size_t{16} << 20;  // Debian's collection has 0.2 MiB
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kCertificate = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

std::size_t line_of(std::string_view text, std::size_t at) {
  return 1 + static_cast<std::size_t>(std::ranges::count(text.substr(0, at), '\n'));
}

}  // namespace

Result<> add_trusted(X509_STORE& store, const std::string& path) {
  const std::string text = TRY(read_file(path, kMaxTrustFile, LastLink::kFollow));
  int entries = 0;
  std::size_t at = text.find(kBegin);
  while (at != std::string::npos) {
    const auto place = [&] { return fmt::format("{}:{}: entry {}", path, line_of(text, at), entries + 1); };
    if (text.compare(at, kCertificate.size(), kCertificate) != 0)
      return fail(Errc::kInvalid, place() + " is not a certificate");
    const std::size_t end = text.find(kEnd, at);
    if (end == std::string::npos) return fail(Errc::kInvalid, place() + " has no end");
    const std::size_t size = end + kEnd.size() - at;
    ERR_clear_error();
    const BioHandle bio(BIO_new_mem_buf(text.data() + at, static_cast<int>(size)));
    const CertificateHandle certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!certificate) return fail_openssl(Errc::kInvalid, place() + " is a broken certificate");
    if (X509_STORE_add_cert(&store, certificate.get()) != 1) return fail_openssl(Errc::kUnavailable, place());
    ++entries;
    at = text.find(kBegin, at + size);
  }
  if (entries == 0) return fail(Errc::kInvalid, path + ": holds no certificate");
  return {};
}

}  // namespace enforcer::tls
