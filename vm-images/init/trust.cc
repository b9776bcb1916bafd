#include "trust.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "console.h"
#include "files.h"
#include "hostproto/exec_frame.h"
#include "program.h"

namespace enforcer::guest {
namespace {

// Where Debian keeps a certificate that was added by hand, and the bundle that OpenSSL, curl and most others read.
const std::filesystem::path kCertificate = "/usr/local/share/ca-certificates/enforcer.crt";
const std::filesystem::path kBundle = "/etc/ssl/certs/ca-certificates.crt";
/// The bundle as the image brought it.
const std::filesystem::path kBundleOfImage = "/usr/share/enforcer/ca-certificates.crt";
// Java's own, where there is Java.
const std::filesystem::path kJavaStore = "/etc/ssl/certs/java/cacerts";

// Python's requests and pip, Cargo and AWS's tools bring bundles of their own unless they are told where ours is. Node
// and Deno add what the second kind names to their own, so the one certificate is enough for them.
constexpr std::string_view kBundleVariables[] = {"SSL_CERT_FILE",  "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
                                                 "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO",  "PIP_CERT",
                                                 "AWS_CA_BUNDLE"};
constexpr std::string_view kCertificateVariables[] = {"NODE_EXTRA_CA_CERTS", "DENO_CERT"};

// Both may run out on a slow host, one after the other, while a command waits.
constexpr std::chrono::seconds kHashPatience{10};
constexpr std::chrono::seconds kJavaPatience{20};
static_assert(kHashPatience + kJavaPatience < hostproto::kHelloPatience);

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

/// Empty where the image has none. The first call keeps it from being replaced: a second name of the same file.
std::string bundle_of_image() {
  std::error_code ignored;
  std::filesystem::create_directories(kBundleOfImage.parent_path(), ignored);
  std::filesystem::create_hard_link(kBundle, kBundleOfImage, ignored);
  std::string text = read_text(kBundleOfImage);
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text;
}

/// What update-ca-certificates does for a certificate, for this one: programs that look into the folder find issuers by
/// the hash of their name, and ca-certificates-java takes what is called *.pem there when it is installed later on.
Result<> link_in_folder() {
  const std::filesystem::path folder = kBundle.parent_path();
  const std::filesystem::path link = folder / "enforcer.pem";
  constexpr const char* kOpenssl = "/usr/bin/openssl";
  std::error_code ignored;
  TRY_VOID(replace_link(link, kCertificate));
  if (!std::filesystem::exists(kOpenssl, ignored)) return {};
  const std::string said =
      TRY(run_program({kOpenssl, "x509", "-noout", "-subject_hash", "-in", kCertificate}, kHashPatience));
  const std::string hash = said.substr(0, said.find('\n'));
  // Names of the same hash are numbered. The first that is free, or ours already.
  for (int number = 0; number < 100; ++number) {
    const std::filesystem::path name = folder / (hash + "." + std::to_string(number));
    const auto target = std::filesystem::read_symlink(name, ignored);
    if (target == link.filename()) return {};
    if (target.empty() && !std::filesystem::exists(name, ignored)) return replace_link(name, link.filename());
  }
  return fail(Errc::kConflict, "no free name for " + hash);
}

/// Java reads no PEM. p11-kit writes what it does read, from the bundle and in a tenth of a second; Java's own keytool
/// takes twenty, emulated.
Result<> fill_java_store() {
  if (std::error_code ignored; !std::filesystem::exists(kJavaStore, ignored)) return {};
  TRY_VOID(run_program({"/usr/bin/trust", "extract", "--overwrite", "--format=java-cacerts", "--filter=ca-anchors",
                        "--purpose=server-auth", kJavaStore},
                       kJavaPatience));
  return {};
}

}  // namespace

Result<> trust(std::string_view pem) {
  const std::string certificates = TRY(only_certificates(pem));
  const std::string bundle = bundle_of_image() + certificates;
  TRY_VOID(replace_text(kCertificate, certificates));
  TRY_VOID(replace_text(kBundle, bundle));
  // Init's own environment is what every command begins with; its request is laid over it.
  for (const std::string_view name : kBundleVariables) ::setenv(std::string(name).c_str(), kBundle.c_str(), 1);
  for (const std::string_view name : kCertificateVariables)
    ::setenv(std::string(name).c_str(), kCertificate.c_str(), 1);
  report("trust of programs that read the folder of certificates", link_in_folder());
  report("trust of Java programs", fill_java_store());
  return {};
}

std::vector<std::string_view> trust_variables() {
  std::vector<std::string_view> names(std::begin(kBundleVariables), std::end(kBundleVariables));
  names.insert(names.end(), std::begin(kCertificateVariables), std::end(kCertificateVariables));
  return names;
}

}  // namespace enforcer::guest
