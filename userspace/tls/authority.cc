#include "tls/authority.h"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/bytes.h"
#include "base/files.h"
#include "tls/certificate_builder.h"

namespace enforcer::tls {
namespace {

constexpr std::chrono::hours kValid{24 * 3652};  // 10 years
constexpr std::chrono::hours kBackdated{24};
constexpr std::size_t kMaxFile = std::size_t{16} * 1024;
constexpr std::size_t kMaxCommonName = 64;  // ub-common-name, RFC 5280 A.1

std::string certificate_file(const std::string& folder) {
  return folder + "/ca.pem";
}
std::string key_file(const std::string& folder) {
  return folder + "/ca.key";
}

std::string common_name(const GuestName& guest) {
  std::string name = "Enforcer CA for guest " + guest.text();
  ENFORCER_CHECK(name.size() <= kMaxCommonName);
  return name;
}

/// Wiped when done with.
struct KeyText {
  std::string text;
  KeyText() = default;
  explicit KeyText(std::string from) : text(std::move(from)) {}
  KeyText(KeyText&&) = default;
  KeyText& operator=(KeyText&&) = delete;
  ~KeyText() { OPENSSL_cleanse(text.data(), text.size()); }
};

Result<KeyText> read_key_text(const std::string& path) {
  auto text = read_file(path, kMaxFile, LastLink::kFollow);
  if (!text) return std::unexpected(std::move(text).error());
  KeyText key(*std::move(text));
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return fail_errno(path);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(Errc::kInvalid, fmt::format("{}: mode is {:o}, others may read it", path, status.st_mode & 07777));
  return key;
}

Result<KeyHandle> parse_key(const std::string& path, const std::string& text) {
  ERR_clear_error();
  const BioHandle bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  // An empty passphrase instead of a question on the terminal.
  KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, const_cast<char*>("")));
  if (!key) return fail_openssl(Errc::kInvalid, path + ": not a private key");
  if (EVP_PKEY_is_a(key.get(), "EC") != 1 || EVP_PKEY_get_bits(key.get()) != 256)
    return fail(Errc::kInvalid, path + ": not a P-256 key");
  return key;
}

Result<CertificateHandle> parse_certificate(const std::string& path, const std::string& text) {
  ERR_clear_error();
  const BioHandle bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  CertificateHandle certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return fail_openssl(Errc::kInvalid, path + ": not a certificate");
  return certificate;
}

/// What a certificate found in a file must be: this guest's CA, for this key, now.
Result<> check(const std::string& path, const CertificateHandle& certificate, const KeyHandle& key,
               const GuestName& guest) {
  ERR_clear_error();
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return fail_openssl(Errc::kInvalid, path + ": does not belong to the key beside it");
  const std::string expected = common_name(guest);
  std::string found(kMaxCommonName + 1, '\0');
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const int size = X509_NAME_get_text_by_NID(subject, NID_commonName, found.data(), static_cast<int>(found.size()));
  if (size < 0 || std::string_view(found).substr(0, static_cast<std::size_t>(size)) != expected)
    return fail(Errc::kInvalid, fmt::format("{}: is not \"{}\"", path, expected));
  if (X509_check_ca(certificate.get()) != 1) return fail(Errc::kInvalid, path + ": is not a CA certificate");
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) <= 0)
    return fail(Errc::kInvalid, path + ": has ended");
  return {};
}

Result<std::string> pem_of(const CertificateHandle& certificate) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  char* data = nullptr;
  if (!bio || PEM_write_bio_X509(bio.get(), certificate.get()) != 1)
    return fail_openssl(Errc::kUnavailable, "cannot write a certificate");
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<KeyHandle> make_key_file(const std::string& path) {
  auto key = TRY(make_key());
  const BioHandle bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail_openssl(Errc::kUnavailable, "cannot write a key");
  char* data = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &data));
  const auto written = write_atomically(path, {data, size}, S_IRUSR | S_IWUSR, Survives::kHost);
  OPENSSL_cleanse(data, size);
  if (!written) return std::unexpected(written.error());
  return key;
}

Result<CertificateHandle> make_certificate(const GuestName& guest, const KeyHandle& key) {
  CertificateBuilder builder;
  const auto now = WallClock::now();
  builder.common_name(common_name(guest));
  builder.valid(now - kBackdated, now + kValid);
  builder.key(key);
  builder.extension(NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  builder.extension(NID_key_usage, "critical,keyCertSign");
  builder.extension(NID_subject_key_identifier, "hash");
  return builder.sign(key);
}

}  // namespace

Result<std::shared_ptr<const CertificateAuthority>> CertificateAuthority::open_or_make(const std::string& folder,
                                                                                       const GuestName& guest) {
  const std::string path = certificate_file(folder);
  auto pem = read_file(path, kMaxFile, LastLink::kFollow);
  if (!pem && pem.error().code != Errc::kNotFound) return std::unexpected(std::move(pem).error());
  auto key_text = read_key_text(key_file(folder));
  if (!key_text && key_text.error().code != Errc::kNotFound) return std::unexpected(std::move(key_text).error());
  if (pem && !key_text) return fail(Errc::kInvalid, key_file(folder) + ": missing, and its certificate is there");

  KeyHandle key = key_text ? TRY(parse_key(key_file(folder), key_text->text)) : TRY(make_key_file(key_file(folder)));
  if (!pem) {
    const CertificateHandle made = TRY(make_certificate(guest, key));
    pem = TRY(pem_of(made));
    TRY_VOID(write_atomically(path, *pem, S_IRUSR | S_IWUSR | S_IRGRP, Survives::kHost));
  }
  // One made a moment ago is read back like any other: what signs is what a restart would load.
  CertificateHandle certificate = TRY(parse_certificate(path, *pem));
  TRY_VOID(check(path, certificate, key, guest));
  return std::shared_ptr<const CertificateAuthority>(
      new CertificateAuthority(std::move(certificate), std::move(key), *std::move(pem)));
}

Result<> CertificateAuthority::remove(const std::string& folder) {
  for (const std::string& path : {key_file(folder), certificate_file(folder)}) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(path);
  }
  return {};
}

Result<std::shared_ptr<const Leaf>> CertificateAuthority::issue(const HostName& host, const LeafKey& key,
                                                                WallClock::time_point now) const {
  CertificateBuilder builder;
  // A longer name is in the SAN alone, which is what clients look at.
  if (host.text().size() <= kMaxCommonName) builder.common_name(host.text());
  builder.valid(now - kLeafBackdated, now + kLeafValid);
  builder.key(key.handle());
  builder.issuer(certificate_);
  builder.extension(NID_basic_constraints, "critical,CA:FALSE");
  builder.extension(NID_key_usage, "critical,digitalSignature");
  builder.extension(NID_ext_key_usage, "serverAuth");
  builder.extension(NID_subject_key_identifier, "hash");
  builder.extension(NID_authority_key_identifier, "keyid:always");
  builder.only_name(host);
  auto certificate = TRY(builder.sign(key_));
  return std::make_shared<const Leaf>(std::move(certificate), share(key.handle()), now);
}

}  // namespace enforcer::tls
