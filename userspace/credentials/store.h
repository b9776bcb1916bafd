// Store: values that `enforcerctl credential set` gave to enforcerd: one file for each, 0600, in a folder that is
// enforcerd's alone (0700), encrypted under one key (store_key.h) and bound to the credential's name (sealed_text.h).
// Written beside and renamed, so that a crash leaves the old value or the new one.
#pragma once

#include <string>

#include "credentials/file_source.h"
#include "credentials/store_key.h"

namespace enforcer::credentials {

class Store final : public Source {
 public:
  /// The key of our own is the file FOLDER.key.
  Store(const std::string& folder, const std::optional<std::string>& service_folder)
      : folder_(folder), key_(folder + ".key", service_folder) {}

  boost::asio::awaitable<Result<Value>> read(const policy::CredentialSpec& spec, Deadline deadline) override;
  std::optional<Result<Value>> look(const policy::CredentialSpec& spec) override;
  void forget(std::string_view name) override { files_.forget(name); }

  /// Stores the text as it is, after it was found to be a value of the shape that the spec wants. kInvalid: it is not.
  Result<> set(const policy::CredentialSpec& spec, const Secret& raw);
  /// kNotFound when there is none.
  Result<> erase(std::string_view name);

 private:
  [[nodiscard]] Result<std::string> file_of(std::string_view name) const;

  const std::string folder_;
  const StoreKey key_;
  FileSource files_;
};

}  // namespace enforcer::credentials
