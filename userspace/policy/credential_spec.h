// CredentialSpec: a `Credential` object as it was read: where a secret comes from, where it may go, in which place of a
// request. It names the secret and never holds it; the bytes are in credentials/ (invariant 6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/credential_exchange.h"
#include "policy/diagnostic.h"
#include "policy/target.h"

namespace enforcer::policy {

/// A field of a secret in a KV version 2 engine of HashiCorp Vault, or of what speaks its API.
struct VaultPlace {
  HttpsUrl address;  ///< its path is not used
  std::string mount = "secret";
  std::string path;
  std::string key = "value";
  std::string name_space;  ///< X-Vault-Namespace; empty: none
  std::string token_file;  ///< either this, or AppRole with the next two
  std::string role_id;
  std::string secret_id_file;
  friend bool operator==(const VaultPlace&, const VaultPlace&) = default;
};

struct CredentialSpec {
  /// Where the secret is read.
  struct Source {
    enum class Kind : std::uint8_t {
      kFile,     ///< the content of `path`, one trailing newline removed
      kSystemd,  ///< the credential `variable` that the service manager gave to enforcerd (systemd.exec(5))
      kEnv,      ///< the environment variable `variable` of enforcerd
      kExec,     ///< standard output of `argv`, run by the helper process; only in files that root owns
      kStored,   ///< what `enforcerctl credential set` stored under the credential's name
      kVault,    ///< `vault`
    };
    Kind kind = Kind::kStored;
    std::string path;
    std::string variable;
    std::vector<std::string> argv;
    std::optional<VaultPlace> vault;  ///< kVault
  };

  /// One binding: on these hosts and ports, in this place of the request.
  struct Injection {
    enum class As : std::uint8_t {
      kBearer,  ///< Authorization: Bearer SECRET
      kBasic,   ///< Authorization: Basic base64(username:SECRET)
      kHeader,  ///< NAME: FORMAT, where "{}" in FORMAT stands for the secret
      kQuery,   ///< NAME=SECRET, percent-encoded, in the query
      kGithub,  ///< kBasic with user name x-access-token for git's own requests, kBearer for others
      kSigV4,   ///< the AWS signature of the request is made again, with our keys
    };
    std::vector<Target> to;  ///< without a port: 443; host patterns only, an address has no certificate to verify
    As as = As::kBearer;
    std::string username;               ///< kBasic
    std::string name;                   ///< kHeader, kQuery
    std::string format = "{}";          ///< kHeader
    std::vector<std::string> services;  ///< kSigV4: of the signature's scope ("ce", "s3"); never empty
    std::vector<std::string> regions;   ///< kSigV4: likewise ("us-east-1"); never empty
    Place place;
  };

  /// A variable of the guest's environment whose value only looks like a credential, so that tools start.
  struct Placeholder {
    enum class Form : std::uint8_t {
      kToken,   ///< `format`, where "{}" stands for what is random
      kId,      ///< 20 capital letters and digits, as AWS's access key ids
      kSecret,  ///< 40 characters, as AWS's secret keys
    };
    std::string variable;
    Form form = Form::kToken;
    std::string format = "{}";  ///< kToken
  };

  /// What a value is, when it is read.
  enum class Shape : std::uint8_t {
    kLine,        ///< one line of text
    kKeyPair,     ///< keys of AWS (credentials/aws_keys.h)
    kPrivateKey,  ///< PEM
  };

  std::string name;  ///< metadata.name
  std::string file;
  Place place;
  Source source;
  CredentialExchange exchange;
  std::vector<Injection> inject;
  std::vector<Placeholder> placeholders;

  /// The first binding that covers the host and port; null: the secret must not go there.
  [[nodiscard]] const Injection* binding_for(const HostName& host, Port port) const;
  /// Its places are signatures of AWS: all of them, because such a credential has no other.
  [[nodiscard]] bool signs() const;
  /// Of what the source gives.
  [[nodiscard]] Shape source_shape() const;
};

[[nodiscard]] std::string_view label(CredentialSpec::Source::Kind kind);  ///< as written: "file"
[[nodiscard]] std::string_view label(CredentialSpec::Injection::As as);   ///< as written: "bearer"

/// Sorted by name, each name once.
using Credentials = std::vector<CredentialSpec>;
/// Null: there is none of that name.
[[nodiscard]] const CredentialSpec* find_credential(const Credentials& credentials, std::string_view name);

}  // namespace enforcer::policy
