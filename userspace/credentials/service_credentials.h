// ServiceCredentials: the secrets that the service manager gave to enforcerd (systemd.exec(5), "CREDENTIALS"), each one
// a file of $CREDENTIALS_DIRECTORY. systemd keeps them in memory that is not swapped, and may have had them encrypted
// at rest with the host's TPM (systemd-creds(1)). They are what they were when enforcerd was started.
#pragma once

#include <optional>
#include <string>

#include "credentials/file_source.h"

namespace enforcer::credentials {

class ServiceCredentials final : public Source {
 public:
  /// `folder`: nothing when the manager gave none.
  explicit ServiceCredentials(std::optional<std::string> folder) : folder_(std::move(folder)) {}

  /// $CREDENTIALS_DIRECTORY, to be taken once, at start.
  static std::optional<std::string> folder_from_environment();

  boost::asio::awaitable<Result<Value>> read(const policy::CredentialSpec& spec, Deadline deadline) override;
  std::optional<Result<Value>> look(const policy::CredentialSpec& spec) override;
  void forget(std::string_view name) override { files_.forget(name); }

 private:
  const std::optional<std::string> folder_;
  FileSource files_;
};

}  // namespace enforcer::credentials
