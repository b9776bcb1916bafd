// CredentialExchange: what the value of a credential's source is exchanged for, where it does not go to a host itself:
// a token or keys that live for minutes, and of which the guest's requests get one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "policy/https_url.h"

namespace enforcer::policy {

/// OAuth 2.0, for an access token (RFC 6749).
struct Oauth2Exchange {
  enum class Grant : std::uint8_t {
    kClientCredentials,  ///< the value is the client's secret (RFC 6749 4.4)
    kRefreshToken,       ///< the value is the refresh token (RFC 6749 6), of a client without a secret
    kJwtBearer,          ///< the value is an RSA private key in PEM (RFC 7523 2.1)
  };
  Grant grant = Grant::kClientCredentials;
  HttpsUrl token_url;
  std::string client_id;  ///< kJwtBearer: `iss`
  std::string scope;      ///< words with one blank between; empty: what the server gives
  std::string audience;   ///< kClientCredentials: "audience" when not empty; kJwtBearer: `aud`, empty: token_url
  std::string subject;    ///< kJwtBearer: `sub`; empty: client_id
  friend bool operator==(const Oauth2Exchange&, const Oauth2Exchange&) = default;
};

/// A GitHub App, for an installation token. The value is the App's private key in PEM.
struct GithubAppExchange {
  HttpsUrl api;                           ///< "https://api.github.com"
  std::string app;                        ///< App id or client id: `iss`
  std::string installation;               ///< decimal number
  std::vector<std::string> repositories;  ///< names without owner; empty: all of the installation
  std::vector<std::pair<std::string, std::string>> permissions;  ///< {"contents", "read"}; empty: all that the App has
  friend bool operator==(const GithubAppExchange&, const GithubAppExchange&) = default;
};

/// AWS STS AssumeRole, for keys of a session. The value is a key pair. In session_name and the values of tags,
/// "{guest}", "{epoch}" and "{label:NAME}" stand for the guest's: the cloud's own log says which agent it was.
struct AssumeRoleExchange {
  // What STS takes in them beside letters and digits of ASCII.
  static constexpr std::string_view kInSessionName = "_+=,.@-";
  static constexpr std::string_view kInTagValue = " _.:/=+-@";

  HttpsUrl sts;                                           ///< "https://sts.us-east-1.amazonaws.com"
  std::string region;                                     ///< of the signature
  std::string role;                                       ///< ARN
  std::string session_name;                               ///< what may not stand in one becomes '-'; cut at 64
  std::vector<std::pair<std::string, std::string>> tags;  ///< at most 50
  std::string session_policy;                             ///< JSON; empty: none
  std::chrono::seconds duration{3600};                    ///< 900-43200
  friend bool operator==(const AssumeRoleExchange&, const AssumeRoleExchange&) = default;
};

/// std::monostate: the value itself goes to the hosts.
using CredentialExchange = std::variant<std::monostate, Oauth2Exchange, GithubAppExchange, AssumeRoleExchange>;

}  // namespace enforcer::policy
