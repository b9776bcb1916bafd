// TokenExchange: the value of a credential's source, exchanged for what goes to hosts (policy/credential_exchange.h).
// It keeps nothing of what it mints; the one thing that it remembers is the refresh token that came in place of
// another.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "credentials/guest_identity.h"
#include "credentials/https_client.h"
#include "credentials/value.h"
#include "policy/credential_exchange.h"

namespace enforcer::credentials {

class TokenExchange {
 public:
  /// Signs a request to STS in this region with keys of AWS (SigV4, service "sts").
  using Signer = std::function<Result<>(HttpsRequest& request, std::string_view region, const Secret& keys,
                                        WallClock::time_point)>;

  /// The client outlives it.
  TokenExchange(HttpsClient& client, Signer sign) : client_(client), sign_(std::move(sign)) {}

  struct Minted {
    Value value;
    /// The server has replaced the refresh token: what the source gives may be of no use after a restart, unless this
    /// is put there in its place. Mostly null.
    std::shared_ptr<const Secret> next_base;
  };

  /// `exchange` is not std::monostate; `base` is what the source gives now. Of one credential, one at a time, where its
  /// exchange is a refresh token; `guest` is there for keys of a role, and nothing else asks for it. Errors name the
  /// server, and hold no byte of a secret; kTimeout, or kInvalid where the base cannot be used (no RSA key), or kDenied
  /// where the server says that it is of no use any more, or kUnavailable.
  boost::asio::awaitable<Result<Minted>> mint(std::string credential, policy::CredentialExchange exchange,
                                              std::shared_ptr<const Secret> base, std::optional<GuestIdentity> guest,
                                              Deadline deadline);

  /// A refresh token that the server gave in place of the credential's own is not used any more.
  void forget(std::string_view credential);

 private:
  /// What the server gave for what the source still gives.
  struct Rotation {
    policy::Oauth2Exchange exchange;
    std::shared_ptr<const Secret> base;
    std::shared_ptr<const Secret> next;
  };

  boost::asio::awaitable<Result<Minted>> mint_oauth2(std::string credential, policy::Oauth2Exchange exchange,
                                                     std::shared_ptr<const Secret> base, Deadline deadline);
  std::shared_ptr<const Secret> refresh_token_of(const std::string& credential, const policy::Oauth2Exchange& exchange,
                                                 std::shared_ptr<const Secret> base);
  [[nodiscard]] Result<HttpsRequest> signed_request(const policy::AssumeRoleExchange& exchange, const Secret& base,
                                                    const GuestIdentity& guest) const;
  boost::asio::awaitable<Result<Minted>> ask(HttpsRequest request,
                                             Result<Value> (*read)(const HttpsResponse&, WallClock::time_point),
                                             Deadline deadline);

  HttpsClient& client_;
  const Signer sign_;
  std::map<std::string, Rotation, std::less<>> rotations_;  ///< by the credential's name
};

}  // namespace enforcer::credentials
