// Store: values that `enforcerctl credential set` gave to enforcerd: one file for each, 0600, in a folder that is
// enforcerd's alone (0700). Written beside and renamed, so that a crash leaves the old value or the new one.
#pragma once

#include <string>

#include "credentials/file_source.h"

namespace enforcer::credentials {

class Store final : public Source {
 public:
  explicit Store(std::string folder) : folder_(std::move(folder)) {}

  boost::asio::awaitable<Result<Value>> read(const policy::CredentialSpec& spec, Deadline deadline) override;
  std::optional<Result<Value>> look(const policy::CredentialSpec& spec) override;
  void forget(std::string_view name) override { files_.forget(name); }

  Result<> set(std::string_view name, const Secret& value);
  /// kNotFound when there is none.
  Result<> erase(std::string_view name);

 private:
  [[nodiscard]] Result<std::string> file_of(std::string_view name) const;

  const std::string folder_;
  FileSource files_;
};

}  // namespace enforcer::credentials
