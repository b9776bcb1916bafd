// StoreKey: what the values of the store are encrypted under, 32 random bytes. The service manager's credential
// `enforcer-store-key`, when there is one: then a copy of the disk is worth nothing without the host's TPM, or wherever
// systemd has it from. Else a file of our own beside the store's folder, made when the first value is stored: then a
// copy of the folder alone is worth nothing.
//
// The key is read when a value is, so a new one needs no restart; values that were stored under the old one have to be
// set again.
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"

namespace enforcer::credentials {

class StoreKey {
 public:
  static constexpr std::string_view kServiceName = "enforcer-store-key";

  /// `file`: the key of our own. `service_folder`: $CREDENTIALS_DIRECTORY, if there is one.
  StoreKey(std::string file, const std::optional<std::string>& service_folder);

  /// kNotFound: there is none yet. kInvalid: it is no 32 bytes, or others can read it.
  [[nodiscard]] Result<Secret> find() const;
  /// Makes the file when there is no key; one that is there is never written again.
  [[nodiscard]] Result<Secret> find_or_make() const;

 private:
  const std::string file_;
  const std::optional<std::string> service_file_;
};

}  // namespace enforcer::credentials
