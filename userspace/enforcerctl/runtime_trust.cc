// From the facts of a guest to a verdict for each runtime. Where a runtime looks for CAs, and in which order, is what
// its own manual says: curl(1) and OpenSSL's X509_get_default_cert_file_env(3), git-config(1) http.sslCAInfo, Node's
// NODE_EXTRA_CA_CERTS, npm's cafile, pip's --cert, requests' "SSL Cert Verification", Cargo's http.cainfo, Go's
// crypto/x509, Java's javax.net.ssl.trustStore.
#include <fmt/format.h>

#include <initializer_list>

#include "enforcerctl/guest_probe.h"

namespace enforcer::ctl {
namespace {

struct Ruling {
  Trust trust = Trust::kUnknown;
  std::string note;
};

/// `source` is what makes the program read the file: a variable, a setting.
Ruling by_file(std::string_view source, const TrustFile& file) {
  switch (file.standing) {
    case Standing::kHolds:
      return {Trust::kYes, fmt::format("{}: {}", source, file.path)};
    case Standing::kLacks:
      return {Trust::kNo, fmt::format("{} names {}, which lacks the guest's CA", source, file.path)};
    case Standing::kAbsent:
      break;
  }
  return {Trust::kNo, fmt::format("{} names {}, which cannot be read", source, file.path)};
}

Ruling by_store(const GuestFacts& facts) {
  if (!facts.store || facts.store->standing == Standing::kAbsent) {
    return {Trust::kNo, "the system has no bundle of CAs: install ca-certificates"};
  }
  return by_file("the system's bundle", *facts.store);
}

/// By the first of these variables that is set; none where none is.
std::optional<Ruling> by_variable(const GuestFacts& facts, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = facts.variables.find(name);
    if (found != facts.variables.end()) return by_file(name, found->second);
  }
  return std::nullopt;
}

Ruling by_variable_or_store(const GuestFacts& facts, std::initializer_list<const char*> names) {
  return by_variable(facts, names).value_or(by_store(facts));
}

Ruling of_openssl(const GuestFacts& facts) {
  if (!facts.openssl) return by_variable_or_store(facts, {"SSL_CERT_FILE"});
  if (*facts.openssl == Standing::kHolds) return {Trust::kYes, "'openssl verify' accepts the CA"};
  return {Trust::kNo, "'openssl verify' refuses the CA: SSL_CERT_FILE must name a bundle with it"};
}

/// Its own OpenSSL may have another folder of CAs than the system's; the variable holds for both.
Ruling of_python(const GuestFacts& facts) {
  const auto named = by_variable(facts, {"SSL_CERT_FILE"});
  return named && named->trust == Trust::kYes ? *named : of_openssl(facts);
}

Ruling of_git(const GuestFacts& facts) {
  if (auto named = by_variable(facts, {"GIT_SSL_CAINFO"})) return *std::move(named);
  return facts.git_config ? by_file("http.sslCAInfo", *facts.git_config) : by_store(facts);
}

Ruling of_node(const GuestFacts& facts) {
  const auto named = by_variable(facts, {"NODE_EXTRA_CA_CERTS"});
  if (named && named->trust == Trust::kYes) return *named;
  if (facts.node_asks_system) return by_variable_or_store(facts, {"SSL_CERT_FILE"});
  if (named) return *named;
  return {Trust::kUnknown, "most builds bring CAs of their own: NODE_EXTRA_CA_CERTS should name the guest's CA"};
}

Ruling of_npm(const GuestFacts& facts) {
  if (auto named = by_variable(facts, {"npm_config_cafile"})) return *std::move(named);
  return of_node(facts);
}

Ruling of_requests(const GuestFacts& facts) {
  if (auto named = by_variable(facts, {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"})) return *std::move(named);
  return by_file("certifi", facts.requests.value_or(TrustFile{}));
}

Ruling of_pip(const GuestFacts& facts) {
  if (auto named = by_variable(facts, {"PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"})) return *std::move(named);
  const Ruling system = by_store(facts);
  if (system.trust == Trust::kNo) return system;
  return {Trust::kUnknown, "some builds bring CAs of their own: PIP_CERT should name the system's bundle"};
}

Ruling of_java(const GuestFacts& facts) {
  if (!facts.java) return {Trust::kUnknown, "without keytool nobody can say what is in its truststore"};
  const std::string store = facts.java->path.empty() ? "its own truststore" : facts.java->path;
  switch (facts.java->standing) {
    case Standing::kHolds:
      return {Trust::kYes, "javax.net.ssl.trustStore: " + store};
    case Standing::kLacks:
      return {Trust::kNo, store + " lacks the guest's CA: keytool -importcert -cacerts puts it there"};
    case Standing::kAbsent:
      break;
  }
  return {Trust::kUnknown, store + " cannot be read, or not with the usual password"};
}

Ruling of_docker(const GuestFacts& facts) {
  Ruling ruling = by_store(facts);
  if (ruling.trust == Trust::kYes)
    ruling.note += "; containers get it from the runtime of the image 'docker', not from another one";
  return ruling;
}

Ruling of_wget(const GuestFacts& facts) {
  if (!facts.wget_is_busybox) return by_store(facts);
  if (!facts.installed.contains("openssl")) return {Trust::kUnknown, "busybox checks no certificate without openssl"};
  return of_openssl(facts);
}

Ruling of_curl(const GuestFacts& facts) {
  return by_variable_or_store(facts, {"CURL_CA_BUNDLE", "SSL_CERT_FILE"});
}

Ruling of_cargo(const GuestFacts& facts) {
  return by_variable_or_store(facts, {"CARGO_HTTP_CAINFO", "SSL_CERT_FILE"});
}

Ruling of_go(const GuestFacts& facts) {
  return by_variable_or_store(facts, {"SSL_CERT_FILE"});
}

struct Runtime {
  const char* name;
  Ruling (*rule)(const GuestFacts&);
};

constexpr Runtime kRuntimes[] = {
    {"openssl", of_openssl}, {"curl", of_curl},      {"wget", of_wget},         {"git", of_git}, {"node", of_node},
    {"npm", of_npm},         {"python3", of_python}, {"requests", of_requests}, {"pip", of_pip}, {"cargo", of_cargo},
    {"java", of_java},       {"go", of_go},          {"docker", of_docker}};

}  // namespace

std::vector<RuntimeTrust> judge(const GuestFacts& facts) {
  const Ruling store = by_store(facts);
  std::vector<RuntimeTrust> verdicts{{.runtime = "system store",
                                      .installed = facts.store && facts.store->standing != Standing::kAbsent,
                                      .trust = store.trust,
                                      .note = store.note}};
  for (const Runtime& runtime : kRuntimes) {
    RuntimeTrust verdict{.runtime = runtime.name, .installed = facts.installed.contains(runtime.name), .note = {}};
    if (verdict.installed) {
      Ruling ruling = runtime.rule(facts);
      verdict.trust = ruling.trust;
      verdict.note = std::move(ruling.note);
    }
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

}  // namespace enforcer::ctl
