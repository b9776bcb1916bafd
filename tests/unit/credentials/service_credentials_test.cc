// What the service manager gave, and what is said when it did not.
#include "credentials/service_credentials.h"

#include "../temporary_folder.h"
#include "scratch.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

policy::CredentialSpec given_spec(std::string name) {
  return spec("bot", {.kind = Kind::kSystemd, .variable = std::move(name)});
}
std::string given_text(ServiceCredentials& source, const std::string& name) {
  const auto value = source.look(given_spec(name));
  REQUIRE(value.has_value());
  return *value ? std::string((*value)->secret->reveal()) : "error: " + value->error().message;
}

}  // namespace

TEST_CASE("a_credential_of_systemd_is_a_file_of_its_folder") {
  const TemporaryFolder scratch;
  std::filesystem::create_directory(scratch.file("given"));
  scratch.write("given/model-key", "token\n", 0400);
  scratch.write("outside", std::string(kCanary), 0400);
  ServiceCredentials source(scratch.file("given"));
  CHECK(given_text(source, "model-key") == "token");
  CHECK(source.look(given_spec("absent"))->error().code == Errc::kNotFound);
  CHECK(given_text(source, "absent") ==
        "error: systemd gave enforcerd no credential 'absent': 'systemctl edit enforcerd', under [Service] "
        "LoadCredential=absent:/path/of/it (or LoadCredentialEncrypted=), and restart enforcerd");
  for (const std::string name : {"../outside", "", ".", "..", "a/b"}) {
    CAPTURE(name);
    CHECK(source.look(given_spec(name))->error().code == Errc::kInvalid);
  }
  scratch.write("given/bad", "S3CR3T\nCANARY", 0400);
  CHECK(given_text(source, "bad") == "error: " + scratch.file("given/bad") + ": the value has a line break inside");
}

TEST_CASE("without_a_folder_of_systemd_there_is_nothing_and_what_to_do_is_said") {
  ServiceCredentials source(std::nullopt);
  const auto value = source.look(given_spec("model-key"));
  CHECK(value->error().code == Errc::kNotFound);
  CHECK(value->error().message.contains("LoadCredential=model-key:"));
}

TEST_CASE("the_folder_of_systemd_is_an_absolute_path_or_none") {
  const char* const before = std::getenv("CREDENTIALS_DIRECTORY");
  const std::optional<std::string> kept = before == nullptr ? std::nullopt : std::optional<std::string>(before);
  unsetenv("CREDENTIALS_DIRECTORY");
  CHECK_FALSE(ServiceCredentials::folder_from_environment().has_value());
  setenv("CREDENTIALS_DIRECTORY", "relative", 1);
  CHECK_FALSE(ServiceCredentials::folder_from_environment().has_value());
  setenv("CREDENTIALS_DIRECTORY", "/run/credentials/enforcerd.service", 1);
  CHECK(ServiceCredentials::folder_from_environment() == "/run/credentials/enforcerd.service");
  unsetenv("CREDENTIALS_DIRECTORY");
  if (kept) setenv("CREDENTIALS_DIRECTORY", kept->c_str(), 1);
}
