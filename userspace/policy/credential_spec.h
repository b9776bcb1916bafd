// CredentialSpec: a `Credential` object as it was read: where a secret comes from, where it may go, in which place of a
// request. It names the secret and never holds it; the bytes are in credentials/ (invariant 6).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/target.h"

namespace enforcer::policy {

struct CredentialSpec {
  /// Where the secret is read.
  struct Source {
    enum class Kind : std::uint8_t {
      kFile,    ///< the content of `path`, one trailing newline removed
      kEnv,     ///< the environment variable `variable` of enforcerd
      kExec,    ///< standard output of `argv`, run by the helper process; only in files that root owns
      kStored,  ///< what `enforcerctl credential set` stored under the credential's name
    };
    Kind kind = Kind::kStored;
    std::string path;
    std::string variable;
    std::vector<std::string> argv;
  };

  /// One binding: on these hosts and ports, in this place of the request.
  struct Injection {
    enum class As : std::uint8_t {
      kBearer,  ///< Authorization: Bearer SECRET
      kBasic,   ///< Authorization: Basic base64(username:SECRET)
      kHeader,  ///< NAME: FORMAT, where "{}" in FORMAT stands for the secret
      kQuery,   ///< NAME=SECRET, percent-encoded, in the query
    };
    std::vector<Target> to;  ///< without a port: 443; host patterns only, an address has no certificate to verify
    As as = As::kBearer;
    std::string username;       ///< kBasic
    std::string name;           ///< kHeader, kQuery
    std::string format = "{}";  ///< kHeader
    Place place;
  };

  std::string name;  ///< metadata.name
  std::string file;
  Place place;
  Source source;
  std::vector<Injection> inject;

  /// The first binding that covers the host and port; null: the secret must not go there.
  [[nodiscard]] const Injection* binding_for(const HostName& host, Port port) const;
};

/// Sorted by name, each name once.
using Credentials = std::vector<CredentialSpec>;
/// Null: there is none of that name.
[[nodiscard]] const CredentialSpec* find_credential(const Credentials& credentials, std::string_view name);

}  // namespace enforcer::policy
