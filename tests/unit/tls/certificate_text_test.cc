// Against what the openssl command says of the same certificate.
#include "tls/certificate_text.h"

#include <doctest/doctest.h>

#include <string>

#include "../shell.h"
#include "../temporary_folder.h"

namespace enforcer::tls {
namespace {

std::string output_of(const std::string& command) {
  const ShellAnswer answer = shell(command);
  REQUIRE(answer.status == 0);
  return answer.out;
}

/// The certificate in PEM; its file is at `path` until the end.
struct Made {
  explicit Made(const std::string& subject) {
    pem = output_of("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -utf8 -subj '" +
                    subject + "' -keyout /dev/null 2>/dev/null");
    path = folder.write("certificate.pem", pem);
  }
  TemporaryFolder folder;
  std::string path, pem;
};

}  // namespace

TEST_CASE("certificate_is_described_as_openssl_describes_it") {
  const Made made("/O=Acme, Inc./CN=Enforcer guest g1");
  const auto text = describe_certificate(made.pem);
  REQUIRE(text.has_value());
  const std::string show = "openssl x509 -noout -in " + made.path + " ";
  CHECK("subject=" + text->subject + "\n" == output_of(show + "-subject -nameopt RFC2253"));
  CHECK("sha256 Fingerprint=" + text->fingerprint + "\n" == output_of(show + "-fingerprint -sha256"));
  CHECK(text->not_after - text->not_before == std::chrono::days(30));
  const auto age = WallClock::now() - text->not_before;
  CHECK(age >= std::chrono::seconds(0));
  CHECK(age < std::chrono::minutes(2));
}

TEST_CASE("first_certificate_of_several_is_described") {
  const Made first("/CN=first");
  const std::string both = first.pem + Made("/CN=second").pem;
  CHECK(describe_certificate(both)->subject == "CN=first");
}

TEST_CASE("subject_that_could_harm_a_terminal_is_escaped") {
  const Made made(
      "/CN=\x1b[31mr\xc3\xa4"
      "d");
  CHECK(describe_certificate(made.pem)->subject == "CN=\\1B[31mr\\C3\\A4d");
}

TEST_CASE("what_is_no_certificate_is_refused") {
  const Made made("/CN=x");
  for (const std::string& text : {std::string(), std::string("no"), made.pem.substr(0, made.pem.size() / 2),
                                  std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}) {
    const auto refused = describe_certificate(text);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::kInvalid);
  }
}

}  // namespace enforcer::tls
