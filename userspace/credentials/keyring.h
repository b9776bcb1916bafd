// Keyring: the values of all credentials, by their specs. What a value is for is not its business: the proxy asks only
// for a binding that covers the host it has verified (policy::CredentialSpec::binding_for).
//
// There is one, on worker 0's thread; other workers co_spawn onto its io_context. The shared Secret that comes back may
// be used and dropped on any thread, and stays valid after a change; it is kept for one request, not longer.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/secret.h"
#include "credentials/environment.h"
#include "credentials/guest_identity.h"
#include "credentials/helper.h"
#include "credentials/lease.h"
#include "credentials/refreshing_cache.h"
#include "credentials/source.h"

namespace boost::asio {
class io_context;
}

namespace enforcer::credentials {

class FileSource;
class HttpsClient;
class TokenExchange;
class VaultSource;
class CommandSource;
class ServiceCredentials;
class Store;

/// How a credential is doing, for `credential list`.
struct State {
  enum class Kind : std::uint8_t {
    kOk,
    kMissing,   ///< there is no value (no such file, nothing stored, the variable was not set)
    kFailing,   ///< `error` says why
    kNotAsked,  ///< nobody had to ask for it yet
  };
  Kind kind = Kind::kOk;
  std::string error;                             ///< kMissing, kFailing
  std::optional<WallClock::time_point> expires;  ///< kOk
};

/// Where values are kept for enforcerd alone.
struct Folders {
  std::string store;                   ///< what `credential set` gave; made (0700) when something is stored
  std::optional<std::string> service;  ///< what the service manager gave (service_credentials.h)
};

/// Keys of a role are for one boot of one guest, whose name and labels they carry.
[[nodiscard]] bool has_one_for_each_guest(const policy::CredentialSpec& spec);

class Keyring {
 public:
  /// `client` is of the worker whose loop `io` is, and outlives it.
  Keyring(boost::asio::io_context& io, HttpsClient& client, const Folders& folders,
          std::unique_ptr<Environment> environment, Helper helper);
  ~Keyring();
  Keyring(const Keyring&) = delete;
  Keyring& operator=(const Keyring&) = delete;

  /// What goes into a request of this guest, as it is now, never past its expiry: what the source gives, or what that
  /// was exchanged for. `spec` outlives the call. kUnavailable for whatever went wrong, with the credential's name, its
  /// place and what to do; the request is denied `credential_unavailable`.
  boost::asio::awaitable<Result<Lease>> lease_of(const policy::CredentialSpec& spec, GuestIdentity guest,
                                                 Deadline deadline);

  /// The lease of a value that stands in a file and is not exchanged, without a wait; on the keyring's thread. None: it
  /// is of another kind, or something is wrong, which lease_of() will say.
  [[nodiscard]] std::optional<Lease> lease_at_hand(const policy::CredentialSpec& spec);

  /// What the source gives. Errors as above.
  boost::asio::awaitable<Result<std::shared_ptr<const Secret>>> secret_of(const policy::CredentialSpec& spec,
                                                                          Deadline deadline);

  struct Renewal {
    /// What goes into requests is another value than the last that was given; also when none was since it was changed
    /// or forgotten. Always, where each guest has keys of its own: no session is given twice.
    bool changed;
    std::optional<WallClock::time_point> expires;  ///< as State has it
  };
  /// Forgets the value, asks the source again and exchanges what it gives. Not for guests that have keys of their own:
  /// those are made when a guest asks, so here the source alone is asked. Errors as above.
  boost::asio::awaitable<Result<Renewal>> renew(const policy::CredentialSpec& spec, Deadline deadline);

  /// Nothing is run and nothing is waited for.
  [[nodiscard]] State state_of(const policy::CredentialSpec& spec);

  /// When the value ends for good: no request after that gets one until somebody has put another in its place. Also a
  /// time that has passed, unless the keyring is younger than that. None where the source does not say, or gives
  /// another by itself (commands, vaults). Nothing is waited for.
  [[nodiscard]] std::optional<WallClock::time_point> end_of(const policy::CredentialSpec& spec);

  /// Stores the value of a credential with `source: {store: true}`; kConflict for any other. `raw` is the text as it
  /// was given, and may have lines; kInvalid: it is not of the shape that the credential wants.
  Result<> set(const policy::CredentialSpec& spec, const Secret& raw);
  /// Removes it. kNotFound when there is none; kConflict as above.
  Result<> erase(const policy::CredentialSpec& spec);

  /// The helper's commands, also for what is no credential (CommandSource::tell).
  [[nodiscard]] CommandSource& commands() { return *commands_; }

  /// The value may have changed: the next request asks the source again, also one that failed just now. Not on a
  /// guest's word alone: that could make a command run for each of its requests.
  void forget(std::string_view name);

 private:
  using SharedSpec = std::shared_ptr<const policy::CredentialSpec>;
  struct Searched {
    std::weak_ptr<const Secret> value;
    std::shared_ptr<const Needles> needles;
  };

  Source& source_of(const policy::CredentialSpec& spec);
  boost::asio::awaitable<Result<Value>> from_source(const policy::CredentialSpec& spec, Deadline deadline);
  boost::asio::awaitable<Result<Value>> from_vault(const policy::CredentialSpec& spec, Deadline deadline);
  boost::asio::awaitable<Result<Value>> sent(const policy::CredentialSpec& spec, std::optional<GuestIdentity> guest,
                                             Deadline deadline);
  boost::asio::awaitable<Result<Value>> exchanged(const policy::CredentialSpec& spec,
                                                  std::optional<GuestIdentity> guest, Deadline deadline);
  boost::asio::awaitable<Result<Value>> mint(SharedSpec spec, std::optional<GuestIdentity> guest, Deadline deadline);
  void keep_base(const policy::CredentialSpec& spec, std::shared_ptr<const Secret> next);
  Result<Lease> lease(const policy::CredentialSpec& spec, const Value& value);

  std::unique_ptr<FileSource> files_;
  std::unique_ptr<ServiceCredentials> service_;
  std::unique_ptr<Environment> environment_;
  std::unique_ptr<CommandSource> commands_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<VaultSource> vault_;
  std::unique_ptr<TokenExchange> exchange_;
  RefreshingCache asked_for_;  ///< values of vaults, and what values were exchanged for
  std::map<std::string, std::shared_ptr<const Secret>, std::less<>> exchanged_;  ///< of what, by the credential's name
  std::map<const Secret*, Searched> searched_;                                   ///< of values in use
  std::map<std::string, std::shared_ptr<const Secret>, std::less<>> given_;      ///< last, by the credential's name
  /// Last seen, by the credential's name.
  std::map<std::string, std::optional<WallClock::time_point>, std::less<>> ends_;
};

}  // namespace enforcer::credentials
