#include "trust.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace enforcer::guest {
namespace {

// Where Debian keeps a certificate that was added by hand, and the bundle that OpenSSL, curl and most others read.
const std::filesystem::path kCertificate = "/usr/local/share/ca-certificates/enforcer.crt";
const std::filesystem::path kBundle = "/etc/ssl/certs/ca-certificates.crt";
/// The bundle as the image brought it.
const std::filesystem::path kBundleOfImage = "/usr/share/enforcer/ca-certificates.crt";

// Python's requests, Node and Cargo bring bundles of their own unless they are told where ours is. NODE_EXTRA_CA_CERTS
// adds to Node's own, so the one certificate is enough for it.
constexpr const char* kBundleVariables[] = {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
                                            "CARGO_HTTP_CAINFO"};
constexpr const char* kCertificateVariable = "NODE_EXTRA_CA_CERTS";

/// The next line, without its end.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_base64(std::string_view line) {
  return !line.empty() && std::ranges::all_of(line, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '+' || c == '/' || c == '=';
  });
}

/// The same blocks with plain line ends. What is inside is for the programs that read it to judge.
Result<std::string> only_certificates(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  std::string blocks;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (line.empty()) continue;
    if (line != kBegin) return fail(Errc::kInvalid, "something else than a PEM certificate");
    std::string block(kBegin);
    bool filled = false;
    for (line = take_line(text); is_base64(line); line = take_line(text), filled = true) (block += '\n') += line;
    if (line != kEnd || !filled) return fail(Errc::kInvalid, "a broken PEM certificate");
    ((blocks += block) += '\n') += kEnd;
    blocks += '\n';
  }
  if (blocks.empty()) return fail(Errc::kInvalid, "no PEM certificate");
  return blocks;
}

/// Written aside and renamed: who reads it meanwhile sees all of the old file or all of the new one.
Result<> write_file(const std::filesystem::path& path, std::string_view text) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  const std::filesystem::path aside = path.string() + ".new";
  std::ofstream(aside, std::ios::binary | std::ios::trunc) << text;
  if (std::filesystem::file_size(aside, error) != text.size()) return fail(Errc::kIo, aside.string() + ": not written");
  std::filesystem::rename(aside, path, error);
  if (error) return fail(Errc::kIo, path.string() + ": " + error.message());
  return {};
}

/// Empty where the image has none. The first call keeps it from being replaced: a second name of the same file.
std::string bundle_of_image() {
  std::error_code ignored;
  std::filesystem::create_directories(kBundleOfImage.parent_path(), ignored);
  std::filesystem::create_hard_link(kBundle, kBundleOfImage, ignored);
  std::ifstream file(kBundleOfImage, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text;
}

}  // namespace

Result<> trust(std::string_view pem) {
  const std::string certificates = TRY(only_certificates(pem));
  const std::string bundle = bundle_of_image() + certificates;
  TRY_VOID(write_file(kCertificate, certificates));
  TRY_VOID(write_file(kBundle, bundle));
  // Init's own environment is what every command begins with; its request is laid over it.
  for (const char* name : kBundleVariables) ::setenv(name, kBundle.c_str(), 1);
  ::setenv(kCertificateVariable, kCertificate.c_str(), 1);
  return {};
}

}  // namespace enforcer::guest
