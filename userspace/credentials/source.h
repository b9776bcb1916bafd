// Source: where the values of one kind of credential come from.
//
// Thread: the keyring's. Errors name the place (a path, a variable, a command), say what to do, and never hold a byte
// of a value. kNotFound: there is no value yet; any other code: there is one that cannot be used, or it cannot be had.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string_view>

#include "credentials/value.h"
#include "policy/credential_spec.h"

namespace enforcer::credentials {

class Source {
 public:
  Source() = default;
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// The value as it is now. `spec` is of this source's kind and outlives the call.
  virtual boost::asio::awaitable<Result<Value>> read(const policy::CredentialSpec& spec, Deadline deadline) = 0;

  /// What is known without waiting and without starting anything, for lists. Nothing: it was not asked for yet.
  virtual std::optional<Result<Value>> look(const policy::CredentialSpec& spec) = 0;

  /// Lets go of what is kept of this credential: the next read asks again.
  virtual void forget(std::string_view name) = 0;
};

}  // namespace enforcer::credentials
