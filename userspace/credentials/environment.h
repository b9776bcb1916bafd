// Environment: the secrets that came in environment variables of enforcerd.
//
// They are taken once, at start, before there are threads: the values move into locked memory, and what execve(2) left
// on the stack (/proc/PID/environ shows it) is overwritten. So a reload can use the variables that a Credential named
// at start and no others; a new variable needs a restart, as it does for every process.
#pragma once

#include <map>
#include <span>
#include <string>

#include "credentials/source.h"

namespace enforcer::credentials {

class Environment final : public Source {
 public:
  /// Takes these variables out of the environment of this process. Called while it has one thread. A variable that is
  /// set but cannot be used is an error when it is read, not here: it breaks one credential, not the daemon.
  static std::unique_ptr<Environment> take(std::span<const std::string> variables);

  boost::asio::awaitable<Result<Value>> read(const policy::CredentialSpec& spec, Deadline deadline) override;
  std::optional<Result<Value>> look(const policy::CredentialSpec& spec) override;
  void forget(std::string_view) override {}  // there is nowhere else to ask

 private:
  /// As they were set: what shape they have is for whoever reads them to say, and a second copy is not kept.
  std::map<std::string, Result<LockedBuffer>, std::less<>> taken_;
};

}  // namespace enforcer::credentials
