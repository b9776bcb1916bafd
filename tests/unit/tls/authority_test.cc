#include "tls/authority.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "../temporary_folder.h"
#include "guest_side.h"
#include "pki.h"

using namespace enforcer;
using namespace enforcer::tls;
using namespace enforcer::tls::test;
using namespace std::chrono_literals;

namespace {

std::string complaint(const TemporaryFolder& scratch, std::string_view name = "g1") {
  const auto opened = CertificateAuthority::open_or_make(scratch.path(), guest(name));
  return opened ? "" : opened.error().message.substr(scratch.path().size());
}

std::string common_name(X509_NAME* name) {
  char text[256] = "";
  const int size = X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof text);
  return size < 0 ? "(none)" : text;
}

/// Hours from now until then.
double hours_until(const ASN1_TIME* then) {
  int days = 0;
  int seconds = 0;
  REQUIRE(ASN1_TIME_diff(&days, &seconds, nullptr, then) == 1);
  return days * 24 + seconds / 3600.0;
}

bool critical(X509* certificate, int nid) {
  const int at = X509_get_ext_by_NID(certificate, nid, -1);
  REQUIRE(at >= 0);
  return X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

/// Every name of the certificate, with its type.
std::vector<std::pair<int, std::string>> names_of(X509* certificate) {
  std::vector<std::pair<int, std::string>> found;
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  REQUIRE(names != nullptr);
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    int type = 0;
    const auto* text = static_cast<ASN1_STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type));
    found.emplace_back(type, std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                         static_cast<std::size_t>(ASN1_STRING_length(text))));
  }
  GENERAL_NAMES_free(names);
  return found;
}

}  // namespace

TEST_CASE("a_guest_ca_is_made_once_and_loaded_after_that") {
  const TemporaryFolder scratch;
  const auto made = CertificateAuthority::open_or_make(scratch.path(), guest("g1")).value();
  CHECK(scratch.mode("ca.pem") == 0640);
  CHECK(scratch.mode("ca.key") == 0600);
  CHECK(scratch.read("ca.pem") == made->certificate_pem());
  const std::string key = scratch.read("ca.key");

  const auto loaded = CertificateAuthority::open_or_make(scratch.path(), guest("g1")).value();
  CHECK(loaded->certificate_pem() == made->certificate_pem());
  CHECK(scratch.read("ca.key") == key);
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 2);  // nothing left aside

  CHECK(CertificateAuthority::remove(scratch.path()));
  CHECK(std::filesystem::is_empty(scratch.path()));
  CHECK(CertificateAuthority::remove(scratch.path()));
  const auto again = CertificateAuthority::open_or_make(scratch.path(), guest("g1")).value();
  CHECK(again->certificate_pem() != made->certificate_pem());
}

TEST_CASE("a_guest_ca_may_sign_leaves_and_no_cas") {
  const TemporaryFolder scratch;
  const std::string longest(40, 'g');
  const auto authority = CertificateAuthority::open_or_make(scratch.path(), guest(longest)).value();
  const Certificate certificate = certificate_from(authority->certificate_pem());
  CHECK(common_name(X509_get_subject_name(certificate.get())) == "Enforcer CA for guest " + longest);
  CHECK((X509_get_extension_flags(certificate.get()) & (EXFLAG_CA | EXFLAG_SS | EXFLAG_INVALID)) ==
        (EXFLAG_CA | EXFLAG_SS));
  CHECK(X509_get_pathlen(certificate.get()) == 0);
  CHECK(X509_get_key_usage(certificate.get()) == KU_KEY_CERT_SIGN);
  CHECK(critical(certificate.get(), NID_basic_constraints));
  CHECK(critical(certificate.get(), NID_key_usage));
  CHECK(hours_until(X509_get0_notBefore(certificate.get())) == doctest::Approx(-24).epsilon(0.01));
  CHECK(hours_until(X509_get0_notAfter(certificate.get())) > 9.99 * 365 * 24);
}

TEST_CASE("a_broken_ca_is_refused_with_its_path_and_never_replaced") {
  const TemporaryFolder scratch;
  const TemporaryFolder other;
  REQUIRE(complaint(scratch) == "");
  REQUIRE(complaint(other, "g2") == "");
  const std::string pem = scratch.read("ca.pem");
  const std::string key = scratch.read("ca.key");
  const auto with = [&](const std::string& new_pem, const std::string& new_key) {
    scratch.write("ca.pem", new_pem);
    scratch.write("ca.key", new_key);
    std::string said = complaint(scratch);
    CHECK(scratch.read("ca.pem") == new_pem);
    CHECK(scratch.read("ca.key") == new_key);
    return said;
  };
  CHECK(with(pem, "garbage").starts_with("/ca.key: not a private key: "));
  CHECK(with(pem, "").starts_with("/ca.key: not a private key: "));
  CHECK(with("garbage", key).starts_with("/ca.pem: not a certificate: "));
  CHECK(with("", key).starts_with("/ca.pem: not a certificate: "));
  CHECK(with(pem.substr(0, pem.size() / 2), key).starts_with("/ca.pem: not a certificate: "));
  CHECK(with(pem, other.read("ca.key")).starts_with("/ca.pem: does not belong to the key beside it"));
  CHECK(with(other.read("ca.pem"), other.read("ca.key")) == "/ca.pem: is not \"Enforcer CA for guest g1\"");
  CHECK(with(std::string(100'000, 'x'), key) == "/ca.pem: larger than 16384 bytes");
  CHECK(with(pem, key) == "");

  REQUIRE(chmod(scratch.file("ca.key").c_str(), 0640) == 0);
  CHECK(complaint(scratch) == "/ca.key: mode is 640, others may read it");
  REQUIRE(chmod(scratch.file("ca.key").c_str(), 0600) == 0);
  REQUIRE(unlink(scratch.file("ca.key").c_str()) == 0);
  CHECK(complaint(scratch) == "/ca.key: missing, and its certificate is there");
}

TEST_CASE("a_ca_that_ended_or_is_none_is_refused") {
  const TemporaryFolder scratch;
  const auto with = [&](const Wish& wish) {
    const Certified made = certify(wish);
    const std::unique_ptr<BIO, Freed<BIO_free>> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    scratch.write("ca.key", std::string(data, static_cast<std::size_t>(size)));
    REQUIRE(chmod(scratch.file("ca.key").c_str(), 0600) == 0);
    scratch.write("ca.pem", pem_of(made));
    return complaint(scratch);
  };
  const std::string name = "Enforcer CA for guest g1";
  CHECK(with({.common_name = name, .basic_constraints = "critical,CA:TRUE"}) == "");
  CHECK(with({.common_name = name, .begins_days = -10, .ends_days = -1, .basic_constraints = "critical,CA:TRUE"}) ==
        "/ca.pem: has ended");
  CHECK(with({.common_name = name}) == "/ca.pem: is not a CA certificate");
  CHECK(with({.common_name = name, .basic_constraints = "critical,CA:TRUE", .rsa_bits = 2048}) ==
        "/ca.key: not a P-256 key");
}

TEST_CASE("a_crash_between_the_two_files_is_mended") {
  const TemporaryFolder scratch;
  REQUIRE(complaint(scratch) == "");
  const std::string key = scratch.read("ca.key");
  REQUIRE(unlink(scratch.file("ca.pem").c_str()) == 0);
  scratch.write("ca.pem.new", "half of a certi");
  CHECK(complaint(scratch) == "");
  CHECK(scratch.read("ca.key") == key);
  CHECK_FALSE(std::filesystem::exists(scratch.file("ca.pem.new")));
}

TEST_CASE("a_folder_that_is_not_there_is_an_error") {
  const TemporaryFolder scratch;
  const auto opened = CertificateAuthority::open_or_make(scratch.file("none"), guest("g1"));
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Errc::kIo);
}

TEST_CASE("a_leaf_is_for_one_name_and_can_do_nothing_else") {
  GuestSide side;
  const auto now = WallClock::now();
  for (const std::string& name : {std::string("ok.test"), std::string("a_b.ok.test"),
                                  std::string(60, 'a') + "." + std::string(60, 'b') + ".test"}) {
    CAPTURE(name);
    const LeafKey key = LeafKey::make().value();
    const auto leaf = side.authority->issue(host(name), key, now).value();
    X509* certificate = leaf->certificate().get();
    CHECK(names_of(certificate) == std::vector<std::pair<int, std::string>>{{GEN_DNS, name}});
    CHECK(common_name(X509_get_subject_name(certificate)) == (name.size() > 64 ? "(none)" : name));
    CHECK(critical(certificate, NID_subject_alt_name) == (name.size() > 64));
    CHECK(common_name(X509_get_issuer_name(certificate)) == "Enforcer CA for guest g1");
    CHECK((X509_get_extension_flags(certificate) & (EXFLAG_CA | EXFLAG_INVALID)) == 0);
    CHECK(critical(certificate, NID_basic_constraints));
    CHECK(X509_get_key_usage(certificate) == KU_DIGITAL_SIGNATURE);
    CHECK(X509_get_extended_key_usage(certificate) == XKU_SSL_SERVER);
    CHECK(hours_until(X509_get0_notBefore(certificate)) == doctest::Approx(-48).epsilon(0.01));
    CHECK(hours_until(X509_get0_notAfter(certificate)) == doctest::Approx(7 * 24).epsilon(0.01));
    const Certificate ca = certificate_from(side.authority->certificate_pem());
    CHECK(EVP_PKEY_eq(X509_get0_pubkey(certificate), X509_get0_pubkey(ca.get())) == 0);
    CHECK(EVP_PKEY_eq(X509_get0_pubkey(certificate), key.handle().get()) == 1);
    CHECK(X509_check_issued(ca.get(), certificate) == X509_V_OK);  // also: key ids agree
    CHECK(X509_verify(certificate, X509_get0_pubkey(ca.get())) == 1);
  }
}

TEST_CASE("serial_numbers_are_128_random_bits") {
  GuestSide side;
  const LeafKey key = LeafKey::make().value();
  int longest = 0;
  std::vector<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    const auto leaf = side.authority->issue(side.ok, key, WallClock::now()).value();
    const ASN1_INTEGER* serial = X509_get0_serialNumber(leaf->certificate().get());
    CHECK((ASN1_STRING_type(serial) & V_ASN1_NEG) == 0);
    longest = std::max(longest, ASN1_STRING_length(serial));
    seen.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                      static_cast<std::size_t>(ASN1_STRING_length(serial)));
  }
  CHECK(longest == 16);
  std::ranges::sort(seen);
  CHECK(std::ranges::adjacent_find(seen) == seen.end());
}

TEST_CASE("several_workers_issue_by_one_ca_at_once") {
  const TemporaryFolder scratch;
  const auto authority = CertificateAuthority::open_or_make(scratch.path(), guest("g1")).value();
  const LeafKey key = LeafKey::make().value();
  const Certificate ca = certificate_from(authority->certificate_pem());
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> workers;
    for (int worker = 0; worker < 4; ++worker) {
      workers.emplace_back([&, worker] {
        for (int i = 0; i < 50; ++i) {
          const auto leaf = authority->issue(host(fmt::format("n{}-{}.ok.test", worker, i)), key, WallClock::now());
          if (leaf && X509_verify((*leaf)->certificate().get(), X509_get0_pubkey(ca.get())) == 1) ++good;
        }
      });
    }
  }
  CHECK(good == 200);
}
