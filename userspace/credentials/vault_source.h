// VaultSource: values that are fields of secrets in a Vault. Every read asks: what is kept are only the tokens with
// which it asks, and those of token files not even then, because who renews such a file may replace it at any time.
#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "credentials/file_source.h"
#include "credentials/https_client.h"
#include "credentials/source.h"

namespace enforcer::credentials {

class VaultSource final : public Source {
 public:
  /// The client outlives it.
  explicit VaultSource(HttpsClient& client) : client_(client) {}

  /// A value of Vault has no expiry.
  boost::asio::awaitable<Result<Value>> read(const policy::CredentialSpec& spec, Deadline deadline) override;
  /// Nothing is known without asking.
  std::optional<Result<Value>> look(const policy::CredentialSpec&) override { return std::nullopt; }
  void forget(std::string_view) override {}  // of a credential, nothing is kept

 private:
  /// Who we are to which vault: address, namespace, role, file of the secret id.
  using LoginPlace = std::tuple<std::string, std::string, std::string, std::string>;
  struct Login {
    std::shared_ptr<const Secret> token;
    Monotonic::time_point usable_until;
  };
  struct Token {
    std::shared_ptr<const Secret> secret;
    enum class From : std::uint8_t { kFile, kFreshLogin, kKeptLogin } from;
  };

  static LoginPlace login_place(const policy::VaultPlace& place);
  Result<std::shared_ptr<const Secret>> read_own(const std::string& path);
  boost::asio::awaitable<Result<Token>> token_for(const policy::VaultPlace& place, Deadline deadline);
  boost::asio::awaitable<Result<WipedString>> read_with(const policy::VaultPlace& place, const Secret& token,
                                                        Deadline deadline);

  HttpsClient& client_;
  FileSource files_;  ///< token files, and secret ids of AppRole, each under its path
  std::map<LoginPlace, Login> logins_;
};

}  // namespace enforcer::credentials
